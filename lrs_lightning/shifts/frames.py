"""Between the environment's uint8 observations and the frames that visual shifts change.

A visual shift acts on the newest frame, before it joins a stack, so that a stack is consistent in
itself: every frame of it was shifted at its own step.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.errors import ArgumentError
from lrs_lightning.shifts.base import Array, ShiftContext
from lrs_lightning.shifts.draws import Rows


class FrameAdapter:
    """Takes the newest frame out of an observation, and puts the shifted one back.

    Observations are uint8, `(n, H, W)`, `(n, H, W, 3)`, or stacks with the newest frame last,
    `(n, S, H, W)` or `(n, S, H, W, 3)`; where a frame has C > 1 channels that come first, also
    `(n, S * C, H, W)`.
    """

    def __init__(self, context: ShiftContext, rows: int) -> None:
        space = context.observation_space
        shape = tuple(space.shape or ()) if space is not None else ()
        self._channels = context.frame_channels
        colour = len(shape) > 2 and shape[-1] == 3 and self._channels == 1
        self._stacked = len(shape) == (4 if colour else 3)
        if len(shape) - colour - self._stacked != 2:
            raise ArgumentError(f"{context.env_id}: observations of shape {shape} are no frames")
        self._stack = np.zeros((rows, *shape), np.uint8) if self._stacked else None

    def newest(self, observations: Array) -> NDArray[np.float32]:
        """The newest frames, float32 in [0, 1], `(n, H, W)` or `(n, H, W, C)`."""
        frames = observations[:, -1] if self._stacked else observations
        if self._channels > 1:
            frames = np.moveaxis(observations[:, -self._channels :], 1, -1)
        return np.multiply(frames, np.float32(1 / 255), dtype=np.float32)

    def restore(self, frames: Array, observations: Array, rows: Rows, times: Rows) -> Array:
        """The observations with shifted frames in the place of the newest ones seen so far."""
        bytes_ = np.rint(np.clip(frames, 0, 1) * np.float32(255)).astype(np.uint8)
        stack: Any = self._stack
        if stack is None:
            return bytes_
        begun = rows[times == 0]
        # Frames of a first stack that are older than the episode stay as the environment gave them.
        stack[begun] = observations[times == 0]
        going, newest = rows[times > 0], self._channels
        stack[going, :-newest] = stack[going, newest:]
        if newest == 1:
            stack[rows, -1] = bytes_
        else:
            stack[rows, -newest:] = np.moveaxis(bytes_, -1, 1)
        restored: Array = stack[rows]
        return restored
