"""What a policy must know of a task: its name and its spaces, as plain values that fit a JSON file.

A checkpoint and a demonstration store carry this, so that both can be read where the simulator is
not installed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from lrs_lightning.errors import DataError, EnvironmentMismatchError


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
    """

    env: str
    observation_shape: tuple[int, ...]
    observation_dtype: str
    actions: int | None = None
    action_low: tuple[float, ...] = ()
    action_high: tuple[float, ...] = ()
    action_start: int = 0

    @classmethod
    def of(cls, env: str, observation: gym.Space[Any], action: gym.Space[Any]) -> Task:
        """Describe the spaces of an environment.

        Raises:
            EnvironmentMismatchError: unless observations are a Box, actions a flat Box or Discrete.
        """
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
            DataError: a key is missing or unknown.
        """
        try:
            plain = dict(values)
            for key in ("observation_shape", "action_low", "action_high"):
                plain[key] = tuple(plain[key])
            return cls(**plain)
        except (KeyError, TypeError) as error:
            raise DataError(f"the description of the task is incomplete: {error}") from None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON and for checkpoints that load with `weights_only=True`."""
        lists = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
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
