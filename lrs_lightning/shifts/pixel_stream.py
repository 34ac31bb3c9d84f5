"""A stream of frames that stalls or loses some, `(n, H, W)` or `(n, H, W, 3)`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.shifts.base import Array, Moment, Shift, ShiftContext
from lrs_lightning.shifts.strength import StrengthRange


class FrameFreeze(Shift):
    """Out of 20 frames, the picture stands still for 2, 4, 8, 12, 16 (our own scale).

    When it does is the episode's own; its first frame always arrives.
    """

    name, domain, strengths = "frame_freeze", "frames", (2, 4, 8, 12, 16)
    strength_range = StrengthRange(limit=19, whole=True)
    fades = False
    cycle = 20

    def __init__(self, strength: float, context: ShiftContext, rows: int) -> None:
        super().__init__(strength, context, rows)
        self._phase = np.zeros(rows, np.int64)
        self._last: NDArray[np.float32] | None = None

    def begin(self, now: Moment) -> None:
        """Choose when."""
        self._phase[now.rows] = now.episode_uniform() * self.cycle

    def observe(self, observations: Array, now: Moment) -> Array:
        """The last frame that arrived."""
        if self._last is None:
            self._last = np.zeros((self.rows, *observations.shape[1:]), np.float32)
        place = (now.times + self._phase[now.rows]) % self.cycle
        frozen = (place >= self.cycle - np.rint(self.strength * now.level)) & (now.times > 0)
        frozen = frozen.reshape(-1, *(1,) * (observations.ndim - 1))
        seen: Array = np.where(frozen, self._last[now.rows], observations)
        self._last[now.rows] = seen
        return seen


class FrameDrop(Shift):
    """Each frame is lost, and black in its place, with probability 0.05, 0.1, 0.2, 0.3, 0.5."""

    name, domain, strengths = "frame_drop", "frames", (0.05, 0.1, 0.2, 0.3, 0.5)
    strength_range = StrengthRange(limit=1.0)
    fades = False

    def observe(self, observations: Array, now: Moment) -> Array:
        """Black where it is lost."""
        lost = now.uniform() < self.strength * now.level
        lost = lost.reshape(-1, *(1,) * (observations.ndim - 1))
        return np.where(lost, np.float32(0), observations)
