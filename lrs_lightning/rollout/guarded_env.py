"""A vector environment of which whatever goes wrong is a sentence for a slot.

Letters: N slots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.envs.contract import EpisodicVectorEnv, Model
from lrs_lightning.envs.failures import describe_failure
from lrs_lightning.errors import ANY_FAILURE, LrsError
from lrs_lightning.rollout.slots import Flags, Slots

Array = NDArray[Any]
Errors = dict[int, str]
"""Slot -> why its episode has failed."""


class Stepped(NamedTuple):
    """What came of a step of all slots."""

    observations: Array
    """`(N, ...)`, finite."""
    rewards: Array
    over: Flags
    """`(N,)`: which episodes have ended, for whatever reason of the task."""
    terminated: Flags
    """`(N,)`: which the task has ended, rather than its time limit."""
    errors: Errors
    infos: Mapping[str, Any]
    """What the environments themselves report, in Gymnasium's form."""


class GuardedEnv:
    """Starts and steps the slots of a rollout.

    Numbers that are not finite fail their episode whether or not anybody looks at them; they are
    replaced by zeros, so that a policy that looks at all rows at once does not meet them.

    Args:
        env: the vector environment.
        slots: what is played where.
        limit: what each of its calls runs in; see `time_limit`.
    """

    def __init__(
        self, env: EpisodicVectorEnv, slots: Slots, limit: AbstractContextManager[None]
    ) -> None:
        self._env, self._slots, self._limit = env, slots, limit
        space = env.single_observation_space
        self._observations = np.zeros((env.num_envs, *(space.shape or ())), space.dtype)

    def reset(
        self, seeds: Mapping[int, int], models: Mapping[int, Model] | None
    ) -> tuple[Array, Errors]:
        """Start episodes: slot -> seed, and slot -> physics where any is edited."""
        count, rows = self._slots.count, list(seeds)
        mask, every = np.zeros(count, bool), np.full(count, None)
        mask[rows], every[rows] = True, list(seeds.values())
        options: dict[str, Any] = {"reset_mask": mask}
        if models is not None:
            options["models"] = models
        try:
            with self._limit:
                seen, infos = self._env.reset(seed=every.tolist(), options=options)  # type: ignore[arg-type]
        except LrsError:
            raise
        except ANY_FAILURE as error:  # one that does not keep its own apart
            return self._observations, dict.fromkeys(rows, describe_failure(error))
        errors = _told(infos, rows)
        self._observations, unseen = _finite(seen, mask)
        for i in unseen:
            errors.setdefault(i, "the first observation is not finite")
        return self._observations, errors

    def step(self, actions: Array) -> Stepped:
        """Step all slots that have not ended, with actions `(N, ...)`."""
        running, times = self._slots.running, self._slots.times
        try:
            with self._limit:
                seen, rewards, terminated, truncated, infos = self._env.step(actions)
        except LrsError:
            raise
        except ANY_FAILURE as error:
            nothing = np.zeros(len(running), bool)
            errors = dict.fromkeys(np.flatnonzero(running).tolist(), describe_failure(error))
            return Stepped(self._observations, np.zeros(len(running)), nothing, nothing, errors, {})
        errors = _told(infos, np.flatnonzero(running).tolist()) if infos else {}
        for i in np.flatnonzero(~np.isfinite(rewards) & running).tolist():
            errors.setdefault(i, f"the reward of step {times[i]} is not finite")
        self._observations, unseen = _finite(seen, running)
        for i in unseen:
            errors.setdefault(i, f"the observation after step {times[i]} is not finite")
        over = terminated | truncated
        return Stepped(self._observations, rewards, over, terminated, errors, infos)

    def set_models(self, models: Mapping[int, Model]) -> None:
        """Give slots another physics, from their next step on."""
        self._env.set_models(models)

    def close(self) -> None:
        """Let go of threads and simulators."""
        self._env.close()


def _told(infos: Mapping[str, Any], rows: Sequence[int]) -> Errors:
    """What the environment itself says of these slots."""
    told = infos.get("_error")
    return {} if told is None else {i: infos["error"][i] for i in rows if told[i]}


def _finite(seen: Array, asked: Flags) -> tuple[Array, list[int]]:
    """Observations `(N, ...)` with zeros for rows that are not finite; which of `asked` are not."""
    if seen.dtype.kind != "f" or np.isfinite(seen).all():
        return seen, []
    good = np.isfinite(seen.reshape(len(seen), -1)).all(axis=1)
    clean = seen.copy()
    clean[~good] = 0
    return clean, np.flatnonzero(~good & asked).tolist()
