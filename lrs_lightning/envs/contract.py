"""What every vector environment of this package can do, as types.

Letters: N environments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias, TypedDict

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from lrs_lightning.envs.seeds import Seeds

Array: TypeAlias = NDArray[Any]
Flags: TypeAlias = NDArray[np.bool_]
Model: TypeAlias = Any
"""What dynamics shifts edit; each domain says what that is: an `MjModel`, a game's `Flavour`, the
numbers of an environment object."""
Models: TypeAlias = Mapping[int, Model]
"""Row -> the physics it has from now on."""


class ResetOptions(TypedDict, total=False):
    """The `options` of `reset`."""

    reset_mask: Flags
    """`(N,)`: which environments start an episode; all of them, where absent."""
    models: Models
    """The physics that rows have from this episode on."""


class EpisodicVectorEnv(Protocol):
    """A vector environment without autoreset, whose physics can be replaced row by row.

    An episode that has ended rests until it is reset: it is not stepped, its observation stays, its
    reward is 0. An environment that fails ends its own episode, and `infos["error"][row]` (with the
    mask `infos["_error"]`) says why; the others go on.
    """

    num_envs: int
    single_observation_space: gym.Space[Any]
    single_action_space: gym.Space[Any]
    base_model: Model
    """The unedited physics; `None` where nothing can be edited."""

    def reset(
        self, *, seed: Seeds = None, options: ResetOptions | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Start episodes; observations `(N, ...)` of all environments, and infos."""

    def step(self, actions: Array) -> tuple[Array, Array, Flags, Flags, dict[str, Any]]:
        """Observations `(N, ...)`, rewards, terminated, truncated `(N,)`, and infos."""

    def set_models(self, models: Models) -> None:
        """Give rows another physics, from their next step on; what they are doing goes on.

        Raises:
            ArgumentError: the physics of these environments cannot be edited, or not now.
        """

    def close(self) -> None:
        """Let go of threads and simulators."""
