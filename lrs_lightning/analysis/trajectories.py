"""Where dynamics are looked at: the policy's own play, and one common play for all policies.

On its own trajectory a policy shows its dynamics where it goes; a robot that has fallen goes
nowhere, and its dynamics look simple. On a common trajectory (the expert's observations, replayed)
all policies read the same, so that differences between them are their own. Both are needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning import envs
from lrs_lightning.envs import EnvInfo
from lrs_lightning.errors import DataError
from lrs_lightning.rollout import Policy, rollout
from lrs_lightning.rollout.playing import completed
from lrs_lightning.shifts import CLEAN, Condition, ShiftContext, ShiftedWorld, make

Array = NDArray[Any]
KINDS = ("own", "common")
STEPS = 1000
"""Steps of an episode that are looked at; longer ones are cut."""


@dataclass(frozen=True)
class Trajectories:
    """Observations of N episodes, as they were seen.

    Args:
        kind: `own` or `common`.
        condition: the world they were seen in.
        observations: of each episode, `(L, *observation)`.
        returns: of each whole episode.
        seeds: of each episode.
    """

    kind: str
    condition: str
    observations: list[Array]
    returns: list[float]
    seeds: list[int]

    @property
    def steps(self) -> int:
        """Steps of all episodes."""
        return sum(map(len, self.observations))


def play(
    policy: Policy,
    env_id: str,
    kind: str,
    condition: str,
    seeds: Sequence[int],
    context: ShiftContext | None = None,
    steps: int = STEPS,
    threads: int | None = None,
) -> Trajectories:
    """Play episodes and keep what was seen.

    Raises:
        DataError: an episode failed.
        LrsError: a condition that the task does not allow.
    """
    found: dict[int, tuple[Array, float]] = {}
    played = rollout(
        {kind: policy}, env_id, [condition], seeds, context, record=True, threads=threads
    )
    for episode in played:
        if episode.status != "ok" or episode.trajectory is None:
            raise DataError(f"episode {episode.episode} under {condition} failed: {episode.error}")
        seen = episode.trajectory.observations[:steps]
        found[episode.episode] = np.ascontiguousarray(seen), episode.return_
    ordered = [found[i] for i in sorted(found)]
    name = str(Condition.parse(condition))
    return Trajectories(kind, name, [o for o, _ in ordered], [r for _, r in ordered], list(seeds))


def common(
    expert: Policy,
    env_id: str,
    condition: str,
    clean: Trajectories,
    context: ShiftContext | None = None,
    steps: int = STEPS,
    threads: int | None = None,
) -> Trajectories:
    """The common trajectory under a condition.

    A shift of the sensors is laid over the clean trajectory, step by step the same states; one of
    the actions or the physics needs other states: there the expert plays in the shifted world.
    """
    if shifts_sensors_alone(env_id, condition, context):
        return reread(clean, env_id, condition, context)
    return play(expert, env_id, "common", condition, clean.seeds, context, steps, threads)


def shifts_sensors_alone(env_id: str, condition: str, context: ShiftContext | None = None) -> bool:
    """Whether a condition changes what is seen and nothing else."""
    world = _world(envs.describe(env_id), condition, context, 1)
    return world.observes and not world.acts and not world.edits


def reread(
    clean: Trajectories, env_id: str, condition: str, context: ShiftContext | None = None
) -> Trajectories:
    """Recorded observations, seen again by shifted sensors: the states stay the same.

    Raises:
        DataError: the trajectories are shifted already.
    """
    if clean.condition != CLEAN:
        raise DataError(f"trajectories under {clean.condition} cannot be shifted once more")
    count = len(clean.observations)
    world = _world(envs.describe(env_id), condition, context, count)
    rows = np.arange(count)
    world.begin(rows, clean.seeds, list(range(count)))
    seen = [np.empty_like(episode) for episode in clean.observations]
    for t in range(max(map(len, seen))):
        going = np.array([n for n in range(count) if t < len(seen[n])])
        now = np.stack([clean.observations[n][t] for n in going])
        read = world.observe(now, going, np.full(len(going), t))
        for i, n in enumerate(going):
            seen[n][t] = read[i]
    return replace(clean, condition=str(Condition.parse(condition)), observations=seen)


def _world(info: EnvInfo, condition: str, context: ShiftContext | None, rows: int) -> ShiftedWorld:
    return make(condition, completed(context, info), rows)
