"""What Hopper-v5 and Walker2d-v5 share: they move in a plane and must not fall."""

from __future__ import annotations

import abc

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.envs.mujoco_task import Array, MujocoTask, Readings


class PlanarWalker(MujocoTask):
    """Forward velocity counts, standing counts, and a fall ends the episode."""

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
        return velocity + self.stands(now) - self.control_cost(actions)

    def terminated(self, now: Readings) -> NDArray[np.bool_]:
        """Whether it has fallen."""
        return ~self.stands(now)

    @abc.abstractmethod
    def stands(self, now: Readings) -> NDArray[np.bool_]:
        """Which rows have not fallen, `(N,)`."""
