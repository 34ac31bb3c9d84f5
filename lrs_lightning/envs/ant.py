"""Ant-v5: run forward on four legs.

Source: gymnasium 1.4, `gymnasium/envs/mujoco/ant_v5.py`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.envs.mujoco_task import Array, MujocoTask, Readings


class Ant(MujocoTask):
    """105 channels, 8 actions; ends when it leaves its height, and after 1,000 steps of 0.05 s."""

    reads = ("xpos", "cfrc_ext")
    contact_forces = True
    frame_skip = 5
    reset_noise_scale = 0.1
    ctrl_cost_weight = 0.5
    contact_cost_weight = 5e-4
    torso = 1

    def initial_state(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Uniform positions, normal velocities."""
        return self._normal_start(rng)

    def observe(self, now: Readings) -> Array:
        """Positions without those in the plane, velocities, contact forces on the bodies."""
        forces = self._contact_forces(now)[:, 1:].reshape(len(now["qpos"]), -1)
        return np.concatenate([now["qpos"][:, 2:], now["qvel"], forces], axis=1)

    def position(self, now: Readings) -> Array:
        """Forward coordinate of the torso, as MuJoCo saw it before its last substep."""
        return now["xpos"][:, self.torso, 0].copy()

    def reward(self, now: Readings, velocity: Array, actions: NDArray[np.float32]) -> Array:
        """Forward velocity and 1 for its health, minus costs of control and contact."""
        forces = np.square(self._contact_forces(now)).reshape(len(velocity), -1)
        contact_cost = self.contact_cost_weight * forces.sum(axis=1)
        costs: Array = self.control_cost(actions) + contact_cost
        return velocity + self._healthy(now) - costs

    def terminated(self, now: Readings) -> NDArray[np.bool_]:
        """Too low, too high, or no longer finite."""
        return ~self._healthy(now)

    def _healthy(self, now: Readings) -> NDArray[np.bool_]:
        finite = np.isfinite(now["qpos"]).all(axis=1) & np.isfinite(now["qvel"]).all(axis=1)
        height = now["qpos"][:, 2]
        healthy: NDArray[np.bool_] = finite & (height >= 0.2) & (height <= 1.0)
        return healthy

    def _contact_forces(self, now: Readings) -> Array:
        """External forces and torques on each body, clipped: `(N, K, 6)`."""
        return np.clip(now["cfrc_ext"], -1.0, 1.0)
