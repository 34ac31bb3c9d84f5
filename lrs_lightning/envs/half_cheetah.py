"""HalfCheetah-v5: run forward as fast as possible.

Source: gymnasium 1.4, `gymnasium/envs/mujoco/half_cheetah_v5.py`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.envs.mujoco_task import Array, MujocoTask, Readings


class HalfCheetah(MujocoTask):
    """17 channels, 6 actions; never ends early, and is cut after 1,000 steps of 0.05 s."""

    frame_skip = 5
    reset_noise_scale = 0.1
    ctrl_cost_weight = 0.1

    def initial_state(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Uniform positions, normal velocities."""
        return self._normal_start(rng)

    def observe(self, now: Readings) -> Array:
        """Positions without the forward coordinate, then velocities."""
        return np.concatenate([now["qpos"][:, 1:], now["qvel"]], axis=1)

    @staticmethod
    def fallen(observations: Array) -> NDArray[np.bool_]:
        """Which cheetahs `(N,)` lie on their back: pitched by more than a quarter turn."""
        return np.asarray(np.cos(observations[:, 1]) < 0)  # whole turns do not count

    def reward(self, now: Readings, velocity: Array, actions: NDArray[np.float32]) -> Array:
        """Forward velocity minus control cost."""
        return velocity - self.control_cost(actions)
