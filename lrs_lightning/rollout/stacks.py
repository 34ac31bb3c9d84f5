"""Stacks of frames, kept once a frame: a stack of four shares three with the one before it.

Letters: N slots, L steps, S frames of a stack.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Flags = NDArray[np.bool_]
Kept = tuple[Array, bool]
"""What is kept of a step, and whether that is the newest frames alone."""


class StackKeeper:
    """Keeps the newest frames of stacks `(N, S, H, W, ...)`, as long as they are true stacks.

    Whether every stack continues the one before is looked at, not believed: a step of which that is
    not true is kept whole. Anything but uint8 pictures is left as it is.
    """

    def __init__(self) -> None:
        self._last: Array | None = None
        self._first: dict[int, Array] = {}

    def thin(self, observations: Array, starts: Flags, running: Flags) -> Kept:
        """What to keep of a step.

        Args:
            observations: of all slots.
            starts: `(N,)`, slots whose episode begins with this step.
            running: `(N,)`, slots whose observations will be read.
        """
        if observations.dtype != np.uint8 or observations.ndim < 4:
            return observations, False
        last, self._last = self._last, observations
        for row in np.flatnonzero(starts).tolist():
            self._first[row] = observations[row].copy()
        going = running & ~starts
        if last is not None and not np.array_equal(observations[going, :-1], last[going, 1:]):
            return observations, False
        return observations[:, -1].copy(), True

    def whole(self, kept: list[Kept], row: int) -> Array:
        """The observations `(L, ...)` of an episode, from what was kept of slot `row`."""
        if not any(thin for _, thin in kept):
            return np.array([array[row] for array, _ in kept])
        stack = self._first[row]
        stacks = np.empty((len(kept), *stack.shape), np.uint8)
        for t, (array, thin) in enumerate(kept):
            if not thin:
                stack = array[row]
            elif t > 0:
                stack = np.concatenate([stack[1:], array[row][None]])
            stacks[t] = stack
        return stacks
