"""What a policy must know of a task: its name and its spaces, as plain values that fit a JSON file.

A checkpoint and a demonstration store carry this, so that both can be read where the simulator is
not installed.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import gymnasium as gym
import numpy as np

from lrs_lightning.documents import as_shape
from lrs_lightning.errors import ArgumentError, DataError, EnvironmentMismatchError
from lrs_lightning.foreign_id import NO_ENV, check_foreign_id

__all__ = ["NO_ENV", "Task"]

_LARGEST = 1 << 30
_MEND = "use what this package wrote"


@dataclass(frozen=True)
class Task:
    """A task by name, with its observation and action space.

    Args:
        env: environment id, e.g. `"HalfCheetah-v5"`.
        observation_shape: shape of one observation.
        observation_dtype: `"float32"` for vectors, `"uint8"` for pixels.
        actions: number of discrete actions, or None for a box.
        action_start: the first of discrete actions; labels run from it.
        action_low: lower bounds of a box, one for each action.
        action_high: upper bounds of a box.
        time_unit: seconds between two steps that a policy counts as one, where the demonstrations
            are uneven in time; None where they are not.
    """

    env: str
    observation_shape: tuple[int, ...]
    observation_dtype: str
    actions: int | None = None
    action_low: tuple[float, ...] = ()
    action_high: tuple[float, ...] = ()
    action_start: int = 0
    time_unit: float | None = None

    @classmethod
    def of(cls, env: str, observation: gym.Space[Any], action: gym.Space[Any]) -> Task:
        """Describe the spaces of an environment.

        Raises:
            ArgumentError: the name has an argument that no file may name, such as a path.
            EnvironmentMismatchError: unless observations are a Box, actions a flat Box or Discrete.
        """
        _check_kept(env)
        if not isinstance(observation, gym.spaces.Box):
            raise EnvironmentMismatchError(f"{env} has observations {observation}, expected a Box")
        dtype = "uint8" if observation.dtype == np.uint8 else "float32"
        shape = tuple(observation.shape)
        if isinstance(action, gym.spaces.Discrete):
            return cls(env, shape, dtype, actions=int(action.n), action_start=int(action.start))
        if isinstance(action, gym.spaces.Box) and len(action.shape) == 1:
            low, high = (tuple(map(float, bound)) for bound in (action.low, action.high))
            return cls(env, shape, dtype, action_low=low, action_high=high)
        raise EnvironmentMismatchError(
            f"{env} has actions {action}, expected Discrete or a flat Box"
        )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Task:
        """Read what `to_dict` wrote.

        Raises:
            DataError: a key is missing, unknown or of another type; the task names a module; or the
                spaces are none.
        """
        where = "the description of the task is incomplete or wrong"
        plain = as_shape(values, dict[str, Any], where, _MEND)
        unknown = plain.keys() - {field.name for field in fields(cls)}
        if unknown:
            raise DataError(f"{where}: {', '.join(sorted(unknown))} is unknown: {_MEND}")
        for name, open_end in (("action_low", -np.inf), ("action_high", np.inf)):
            if isinstance(plain.get(name), list):  # JSON knows no infinity: null is no bound
                plain[name] = [open_end if end is None else end for end in plain[name]]
        task = as_shape(plain, cls, where, _MEND)
        check_foreign_id(task.env, where)
        if fault := task._fault():
            raise DataError(f"{where}: {fault}: {_MEND}")
        return task

    def _fault(self) -> str | None:
        """Why these are no spaces of a task; None if they are."""
        if self.observation_dtype not in ("float32", "uint8"):
            return f"observation_dtype is {self.observation_dtype!r}, expected float32 or uint8"
        if not all(0 < n <= _LARGEST for n in (1, *self.observation_shape)):
            return f"observation_shape is {self.observation_shape}"
        if math.prod(self.observation_shape) > _LARGEST:
            return f"observation_shape is {self.observation_shape}, more than any task shows"
        if self.time_unit is not None and not 0 < self.time_unit < math.inf:
            return f"time_unit is {self.time_unit} seconds"
        if self.actions is not None:
            counted = 0 < self.actions <= _LARGEST and abs(self.action_start) <= _LARGEST
            return None if counted else f"there are {self.actions} actions"
        ends = list(zip(self.action_low, self.action_high, strict=False))
        if not ends or len(self.action_low) != len(self.action_high):
            return "there is no lower and upper bound of each action"
        return None if all(low <= high for low, high in ends) else "an action has no values"

    def same_spaces(self, other: Task) -> bool:
        """Whether a policy of one task can be trained on data of the other: all but the time."""
        return self == replace(other, time_unit=self.time_unit)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON and for checkpoints that load with `weights_only=True`."""
        lists = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        if self.time_unit is None:  # so that versions which know no time read it
            del lists["time_unit"]
        return lists

    @property
    def pixels(self) -> bool:
        """Whether observations are pictures, rather than vectors of numbers."""
        return self.observation_dtype == "uint8" and len(self.observation_shape) > 1

    @property
    def observation_space(self) -> gym.spaces.Box:
        """The observations of the task; bounds are left open for vectors."""
        low, high = (0, 255) if self.observation_dtype == "uint8" else (-np.inf, np.inf)
        return gym.spaces.Box(
            low, high, self.observation_shape, np.dtype(self.observation_dtype).type
        )

    @property
    def action_space(self) -> gym.spaces.Box | gym.spaces.Discrete:
        """The actions of the task."""
        if self.actions is not None:
            return gym.spaces.Discrete(self.actions, start=self.action_start)
        low, high = (np.array(bound, np.float32) for bound in (self.action_low, self.action_high))
        return gym.spaces.Box(low, high)


def _check_kept(env: str) -> None:
    """Refuse now what `from_dict` would refuse to read."""
    try:
        check_foreign_id(env, "what is written could not be read again")
    except DataError as error:
        raise ArgumentError(
            f"{error}; or give what it needs in a class of your own, module:Class"
        ) from None
