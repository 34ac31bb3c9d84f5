"""Hopper-v5: hop forward on one leg without falling.

Source: gymnasium 1.4, `gymnasium/envs/mujoco/hopper_v5.py`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.envs.mujoco_task import Array, MujocoTask, Readings


class Hopper(MujocoTask):
    """11 channels, 3 actions; ends when it falls, and after 1,000 steps of 0.008 s."""

    frame_skip = 4
    reset_noise_scale = 5e-3
    ctrl_cost_weight = 1e-3

    def initial_state(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Uniform positions and velocities."""
        return self._uniform_start(rng)

    def observe(self, now: Readings) -> Array:
        """Positions without the forward coordinate, then velocities within 10."""
        return np.concatenate([now["qpos"][:, 1:], np.clip(now["qvel"], -10, 10)], axis=1)

    def reward(self, now: Readings, velocity: Array, actions: NDArray[np.float32]) -> Array:
        """Forward velocity and 1 for standing, minus control cost."""
        return velocity + self._healthy(now) - self.control_cost(actions)

    def terminated(self, now: Readings) -> NDArray[np.bool_]:
        """Too low, too tilted, or anything beyond 100."""
        return ~self._healthy(now)

    def _healthy(self, now: Readings) -> NDArray[np.bool_]:
        height, angle = now["qpos"][:, 1], now["qpos"][:, 2]
        state = np.concatenate([now["qpos"][:, 2:], now["qvel"]], axis=1)
        bounded = ((state > -100) & (state < 100)).all(axis=1)
        healthy: NDArray[np.bool_] = bounded & (height > 0.7) & (angle > -0.2) & (angle < 0.2)
        return healthy
