"""Frames that went through a lossy codec."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.data.demonstration import Demonstration
from lrs_lightning.data.findings.base import Finding, listed
from lrs_lightning.data.task import Task

_BLOCK = 8  # pixels: JPEG, MPEG-2, H.264 and their kin transform blocks of 8 or multiples of it
_SMALLEST = 32  # pixels of a side that is judged
_FRAMES = 4  # that are looked at in an episode
_RATIO = 1.25  # of the steps at the borders of blocks and those inside; 1 where there are none
_SHARE = 0.5


class LossyFrames:
    """Frames whose brightness jumps at every eighth pixel, in both directions."""

    def __init__(self, task: Task) -> None:
        self._judged = 0
        self._found: list[int] = []
        self._pixels = task.pixels and min(task.observation_shape[-2:]) >= _SMALLEST

    def add(self, episode: Demonstration, number: int) -> None:
        """Look at a few of its frames."""
        if not self._pixels:
            return
        self._judged += 1
        step = max(1, len(episode) // _FRAMES)
        ratios = [
            blockiness(np.asarray(episode.observations[i : i + 1])[0])
            for i in range(0, len(episode), step)
        ]
        if float(np.median(ratios)) > _RATIO:
            self._found.append(number)

    def findings(self) -> list[Finding]:
        """One, where it is so in most episodes."""
        if not self._found or len(self._found) < _SHARE * self._judged:
            return []
        return [
            Finding(
                "lossy images",
                f"episode {listed(self._found)}",
                f"brightness jumps at every {_BLOCK}th pixel, as after JPEG or a video codec",
                "in closed loop the policy sees frames without these traces, which it never "
                "trained on: record without loss, or pass what it sees through the same codec",
            )
        ]


def blockiness(frame: NDArray[Any]) -> float:
    """Mean step at the borders of blocks over that inside them, the smaller of both directions.

    Args:
        frame: `(C, H, W)`.
    """
    return min(_ratio(frame), _ratio(np.swapaxes(frame, -1, -2)))


def _ratio(frame: NDArray[Any]) -> float:
    steps = np.abs(np.diff(frame.astype(np.int16), axis=-1)).mean(axis=tuple(range(frame.ndim - 1)))
    border = np.arange(1, len(steps) + 1) % _BLOCK == 0  # between pixel 7 and 8, 15 and 16, ...
    inside = float(steps[~border].mean())
    return float(steps[border].mean()) / inside if inside > 0 else 1.0
