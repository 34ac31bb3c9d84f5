"""Swimmer-v5: swim forward in a viscous fluid.

Source: gymnasium 1.4, `gymnasium/envs/mujoco/swimmer_v5.py`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.envs.mujoco_task import Array, MujocoTask, Readings


class Swimmer(MujocoTask):
    """8 channels, 2 actions; never ends early, and is cut after 1,000 steps of 0.04 s."""

    frame_skip = 4
    reset_noise_scale = 0.1
    ctrl_cost_weight = 1e-4

    def initial_state(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Uniform positions and velocities."""
        return self._uniform_start(rng)

    def observe(self, now: Readings) -> Array:
        """Positions without the two coordinates of the plane, then velocities."""
        return np.concatenate([now["qpos"][:, 2:], now["qvel"]], axis=1)

    def reward(self, now: Readings, velocity: Array, actions: NDArray[np.float32]) -> Array:
        """Forward velocity minus control cost."""
        return velocity - self.control_cost(actions)
