"""What is known of an environment before one is built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from lrs_lightning.envs.contract import Model


@dataclass(frozen=True)
class EnvInfo:
    """What is known of an environment before one is built."""

    env_id: str
    observation_space: gym.Space[Any]
    action_space: gym.Space[Any]
    domain: str
    """Name of its `Domain`, e.g. `"mujoco"`: whose dynamics shifts apply."""
    base_model: Model = None
    """What dynamics shifts edit: an `MjModel` for MuJoCo; `None` where nothing can be edited."""
    velocity_channels: tuple[int, ...] = ()
    """Observation channels that hold velocities; empty where unknown."""
    fallen: Callable[[NDArray[Any]], NDArray[np.bool_]] | None = None
    """Which bodies lie where none gets up again: observations `(N, O)` to `(N,)`; None where the
    task has no such body, or ends with a fall by itself."""
    step_seconds: float | None = None
    """How long a step lasts in the world that is simulated, where the environment says so."""
    max_episode_steps: int | None = None
    """Steps after which an episode is cut, where there is such a limit."""
    frame_channels: int = 1
    """Of pictures `(channels, H, W)`: how many belong to one frame, 3 where it is coloured; the
    others are older frames."""
