"""Walker2d-v5: walk forward on two legs without falling.

Source: gymnasium 1.4, `gymnasium/envs/mujoco/walker2d_v5.py`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.envs.mujoco_task import Readings
from lrs_lightning.envs.planar_walker import PlanarWalker


class Walker2d(PlanarWalker):
    """17 channels, 6 actions; ends when it falls, and after 1,000 steps of 0.008 s."""

    def stands(self, now: Readings) -> NDArray[np.bool_]:
        """Neither too low nor too high, and not too tilted."""
        height, angle = now["qpos"][:, 1], now["qpos"][:, 2]
        standing: NDArray[np.bool_] = (height > 0.8) & (height < 2.0) & (angle > -1) & (angle < 1)
        return standing
