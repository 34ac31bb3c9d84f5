"""A grey box hides part of the frame, `(n, H, W)` or `(n, H, W, 3)`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.shifts.base import Array, Moment, Shift, ShiftContext
from lrs_lightning.shifts.strength import StrengthRange

GREY = 0.5


class Occlusion(Shift):
    """A box over 5, 10, 20, 30, 40 % of the area, at a place of the episode's own.

    The areas are this project's protocol: consistent in time, so that it cannot be averaged away.
    """

    name, domain, strengths = "occlusion", "frames", (0.05, 0.1, 0.2, 0.3, 0.4)
    strength_range = StrengthRange(limit=1.0)

    def __init__(self, strength: float, context: ShiftContext, rows: int) -> None:
        super().__init__(strength, context, rows)
        self._place = np.zeros((rows, 2))

    def begin(self, now: Moment) -> None:
        """Choose the place, `(y, x)` in [0, 1) of the free way."""
        self._place[now.rows] = now.episode_uniform(2)

    def observe(self, observations: Array, now: Moment) -> Array:
        """Paint the box."""
        size = np.array(observations.shape[1:3])
        side = np.rint(np.sqrt(self.strength) * size).astype(np.int64)
        corner = np.rint(self.path(now, size - side)).astype(np.int64)  # (n, 2)
        ys, xs = (np.arange(length) for length in size)
        inside_y = (ys >= corner[:, :1]) & (ys < corner[:, :1] + side[0])  # (n, H)
        inside_x = (xs >= corner[:, 1:]) & (xs < corner[:, 1:] + side[1])  # (n, W)
        box = inside_y[:, :, None] & inside_x[:, None, :]
        box = box.reshape(*box.shape, *(1,) * (observations.ndim - 3))
        return np.where(box, np.float32(GREY), observations)

    def path(self, now: Moment, way: NDArray[np.int64]) -> NDArray[np.float64]:
        """Upper left corner `(n, 2)` within [0, way]."""
        corner: NDArray[np.float64] = self._place[now.rows] * way
        return corner


class DriftingOcclusion(Occlusion):
    """The box of `occlusion` drifts straight at one pixel a step, and bounces off the edges."""

    name = "drifting_occlusion"

    def __init__(self, strength: float, context: ShiftContext, rows: int) -> None:
        super().__init__(strength, context, rows)
        self._direction = np.zeros((rows, 2))

    def begin(self, now: Moment) -> None:
        """Choose place and direction."""
        super().begin(now)
        angle = 2 * np.pi * now.episode_uniform(stream=1)
        self._direction[now.rows] = np.stack([np.sin(angle), np.cos(angle)], axis=1)

    def path(self, now: Moment, way: NDArray[np.int64]) -> NDArray[np.float64]:
        """The unfolded line, folded back into [0, way]."""
        drift = now.times[:, None] * self._direction[now.rows]
        unfolded = np.mod(super().path(now, way) + drift, 2 * np.maximum(way, 1))
        corner: NDArray[np.float64] = np.minimum(unfolded, 2 * way - unfolded)
        return np.clip(corner, 0, way)
