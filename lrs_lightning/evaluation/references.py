"""What a random policy and the expert earn in the clean world: 0 and 1 of normalised returns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lrs_lightning import envs
from lrs_lightning.experts import load_expert, shipped_experts
from lrs_lightning.rollout import RandomPolicy, rollout
from lrs_lightning.shifts import CLEAN

EPISODES = 20


def references(env_id: str, seeds: Sequence[int], threads: int | None = None) -> dict[str, float]:
    """Mean clean returns `random` and, where an expert ships with the package, `expert`.

    The expert's is the one on its card, measured when it was made; the random policy is played now,
    on up to 20 of the seeds.
    """
    found = {} if (expert := expert_return(env_id)) is None else {"expert": expert}
    policy = RandomPolicy(envs.describe(env_id).action_space)
    played = rollout({"random": policy}, env_id, [CLEAN], seeds[:EPISODES], threads=threads)
    returns = [episode.return_ for episode in played if episode.status == "ok"]
    return found | ({"random": float(np.mean(returns))} if returns else {})


def expert_return(env_id: str) -> float | None:
    """The return on the card of the shipped expert; None where there is none."""
    if env_id not in shipped_experts():
        return None
    value = load_expert("shipped", env_id).card.get("evaluation", {}).get("return_mean")
    return None if value is None else float(value)
