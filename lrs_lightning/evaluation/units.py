"""The unit of sensor noise, where no training data tell it: the deviations of clean episodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from lrs_lightning import envs
from lrs_lightning.errors import DataError
from lrs_lightning.experts import SHIPPED, load_expert, shipped_experts
from lrs_lightning.rollout import Policy, rollout
from lrs_lightning.shifts import CLEAN, Condition, ShiftContext, shift_types

EPISODES, SEED = 2, 9_000  # always the same, so that separate evaluations use the same unit


def needs_units(conditions: Iterable[Condition]) -> bool:
    """Whether a shift is measured in deviations of the training data."""
    types = shift_types()
    names = {part.name for condition in conditions for part in condition.components}
    return any(types[name].domain == "sensors" for name in names & set(types))


def measured_context(env_id: str, policies: Mapping[str, Policy]) -> ShiftContext:
    """Mean and deviation of each channel over two clean episodes.

    The shipped expert plays them where there is one, so that the unit does not depend on who is
    judged; else the first of `policies` does.

    Raises:
        DataError: the episodes failed.
    """
    name, player = next(iter(policies.items()))
    if env_id in shipped_experts():
        name, player = SHIPPED, load_expert(SHIPPED, env_id)
    seeds = range(SEED, SEED + EPISODES)
    seen = []
    for episode in rollout({name: player}, env_id, [CLEAN], seeds, record=True):
        if episode.status != "ok" or episode.trajectory is None:
            raise DataError(
                f"the unit of sensor noise cannot be measured in {env_id}: {episode.error}"
            )
        seen.append(episode.trajectory.observations)
    observations = np.concatenate(seen)
    return ShiftContext(
        observation_mean=observations.mean(0),
        observation_std=observations.std(0),
        observation_space=envs.describe(env_id).observation_space,
    )
