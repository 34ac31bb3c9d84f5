"""Humanoid-v5: walk forward upright.

Source: gymnasium 1.4, `gymnasium/envs/mujoco/humanoid_v5.py`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.envs.mujoco_task import Array, MujocoTask, Readings


class Humanoid(MujocoTask):
    """348 channels, 17 actions; ends when it falls, and after 1,000 steps of 0.015 s."""

    reads = ("xipos", "cinert", "cvel", "qfrc_actuator", "cfrc_ext")
    reads_body_mass = True
    contact_forces = True
    frame_skip = 5
    reset_noise_scale = 1e-2
    ctrl_cost_weight = 0.1
    contact_cost_weight = 5e-7
    forward_reward_weight = 1.25
    healthy_reward = 5.0

    def initial_state(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Uniform positions and velocities."""
        return self._uniform_start(rng)

    def observe(self, now: Readings) -> Array:
        """Positions, velocities, inertias, velocities of bodies, actuator and contact forces."""
        parts = [
            now["qpos"][:, 2:],
            now["qvel"],
            now["cinert"][:, 1:],  # body 0 is the world
            now["cvel"][:, 1:],
            now["qfrc_actuator"][:, 6:],  # the root's six degrees of freedom have no actuator
            now["cfrc_ext"][:, 1:],
        ]
        return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)

    def position(self, now: Readings) -> Array:
        """Forward coordinate of the centre of mass, as MuJoCo saw it before its last substep."""
        mass = now["body_mass"]
        weighted = np.einsum("nb,nb->n", mass, now["xipos"][:, :, 0])
        centre: Array = weighted / mass.sum(axis=1)
        return centre

    def reward(self, now: Readings, velocity: Array, actions: NDArray[np.float32]) -> Array:
        """Forward velocity and 5 for standing, minus costs of control and contact."""
        rewards = self.forward_reward_weight * velocity + self._healthy(now) * self.healthy_reward
        control_cost = self.ctrl_cost_weight * np.square(now["ctrl"]).sum(axis=1)
        forces = np.square(now["cfrc_ext"]).reshape(len(velocity), -1).sum(axis=1)
        contact_cost = np.clip(self.contact_cost_weight * forces, -np.inf, 10.0)
        earned: Array = rewards - (control_cost + contact_cost)
        return earned

    def terminated(self, now: Readings) -> NDArray[np.bool_]:
        """Too low or too high."""
        return ~self._healthy(now)

    def _healthy(self, now: Readings) -> NDArray[np.bool_]:
        height = now["qpos"][:, 2]
        healthy: NDArray[np.bool_] = (height > 1.0) & (height < 2.0)
        return healthy
