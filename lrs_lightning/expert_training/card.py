"""What an expert earns, measured, and the card that says so beside its weights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lrs_lightning.documents import write_json
from lrs_lightning.envs import domain_of
from lrs_lightning.errors import ArgumentError
from lrs_lightning.rollout import Episode, Policy, rollout
from lrs_lightning.shifts import CLEAN
from lrs_lightning.versions import versions

# The seeds that students are judged on as well.
FIRST_SEED = 10_000


def score(
    expert: Policy,
    env_id: str,
    episodes: int = 30,
    seed: int = FIRST_SEED,
    on_episode: Callable[[Episode], None] | None = None,
) -> dict[str, Any]:
    """Play whole episodes in the clean world.

    Args:
        expert: who plays.
        env_id: the task.
        episodes: how many; episode k starts from `seed + k`.
        seed: evaluation seed.
        on_episode: called with each as it ends.

    Returns:
        Episodes, seeds, mean, deviation, least and most of the returns, mean length, how many were
        cut by the time limit, and the versions of what was played.
    """
    if episodes < 1:
        raise ArgumentError(f"episodes is {episodes}, expected at least 1")
    played: list[Episode] = []
    for episode in rollout({"expert": expert}, env_id, [CLEAN], range(seed, seed + episodes)):
        played.append(episode)
        if on_episode is not None:
            on_episode(episode)
    returns = np.array([episode.return_ for episode in played if episode.status == "ok"])
    simulator = domain_of(env_id).simulator
    return {
        "episodes": len(returns),
        "failed": len(played) - len(returns),
        "seeds": [seed, seed + episodes - 1],
        "return_mean": round(float(returns.mean()), 2),
        "return_sd": round(float(returns.std(ddof=1)), 2) if len(returns) > 1 else 0.0,
        "return_min": round(float(returns.min()), 2),
        "return_max": round(float(returns.max()), 2),
        "length_mean": round(float(np.mean([episode.length for episode in played])), 1),
        "cut_by_time_limit": sum(not episode.terminated for episode in played),
        "versions": versions((simulator, "gymnasium", "numpy")),
    }


def write_card(weights: Path, card: dict[str, Any]) -> None:
    """Write the card beside its weights, with their SHA-256, whole or not at all.

    Raises:
        DataError: it cannot be written.
    """
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    write_json(weights.with_suffix(".json"), {**card, "weights_sha256": sha256})
