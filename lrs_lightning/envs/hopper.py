"""Hopper-v5: hop forward on one leg without falling.

Source: gymnasium 1.4, `gymnasium/envs/mujoco/hopper_v5.py`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.envs.mujoco_task import Readings
from lrs_lightning.envs.planar_walker import PlanarWalker


class Hopper(PlanarWalker):
    """11 channels, 3 actions; ends when it falls, and after 1,000 steps of 0.008 s."""

    def stands(self, now: Readings) -> NDArray[np.bool_]:
        """High enough, hardly tilted, and nothing beyond 100."""
        height, angle = now["qpos"][:, 1], now["qpos"][:, 2]
        state = np.concatenate([now["qpos"][:, 2:], now["qvel"]], axis=1)
        bounded = ((state > -100) & (state < 100)).all(axis=1)
        standing: NDArray[np.bool_] = bounded & (height > 0.7) & (angle > -0.2) & (angle < 0.2)
        return standing
