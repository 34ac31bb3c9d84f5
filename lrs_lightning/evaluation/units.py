"""The unit of sensor noise: deviations of the training data, or of clean episodes without any."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import numpy as np

from lrs_lightning import envs
from lrs_lightning.errors import DataError
from lrs_lightning.experts import SHIPPED, load_expert, shipped_experts
from lrs_lightning.rollout import Policy, rollout
from lrs_lightning.shifts import CLEAN, Condition, ShiftContext, shift_types
from lrs_lightning.shifts.condition import Component

EPISODES, SEED = 2, 9_000  # always the same, so that separate evaluations use the same unit


def in_units(part: Component) -> bool:
    """Whether a shift is measured in deviations of the training data."""
    kind = shift_types().get(part.name)
    return kind is not None and kind.domain == "sensors"


def needs_units(conditions: Iterable[Condition]) -> bool:
    """Whether any shift is measured in deviations of the training data."""
    return any(in_units(part) for condition in conditions for part in condition.components)


def unit_name(env_id: str, policies: Mapping[str, Policy], context: ShiftContext | None) -> str:
    """Tells units apart without measuring them: by the numbers given, or by who would play."""
    if context is not None and context.observation_std is not None:
        numbers = np.asarray(context.observation_std, np.float32)
        return hashlib.sha256(numbers.tobytes()).hexdigest()[:12]
    return f"clean episodes of {_player(env_id, policies)[0]}"


def measured_context(
    env_id: str, policies: Mapping[str, Policy], timeout: float | None = None
) -> ShiftContext:
    """Mean and deviation of each channel over two clean episodes.

    The shipped expert plays them where there is one, so that the unit does not depend on who is
    judged; else the first of `policies` does. `timeout` is that of `rollout`.

    Raises:
        DataError: the episodes failed.
    """
    name, player = _player(env_id, policies)
    seeds = range(SEED, SEED + EPISODES)
    seen = []
    for episode in rollout({name: player}, env_id, [CLEAN], seeds, record=True, timeout=timeout):
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


def _player(env_id: str, policies: Mapping[str, Policy]) -> tuple[str, Policy]:
    if env_id in shipped_experts():
        return SHIPPED, load_expert(SHIPPED, env_id)
    return next(iter(policies.items()))
