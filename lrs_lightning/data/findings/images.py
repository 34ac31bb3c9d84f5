"""Frames that went through a lossy codec, or lie on their side."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.data.demonstration import Demonstration
from lrs_lightning.data.findings.base import Finding, listed
from lrs_lightning.data.task import NO_ENV, Task
from lrs_lightning.errors import ANY_FAILURE

_BLOCK = 8  # pixels: JPEG, MPEG-2, H.264 and their kin transform blocks of 8 or multiples of it
_SMALLEST = 32  # pixels of a side that is judged
_FRAMES = 4  # that are looked at in an episode
_RATIO = 1.25  # of the steps at the borders of blocks and those inside; 1 where there are none
_SHARE = 0.5
_ALIKE = 0.5  # correlation of first frames with those of the environment
_CLEARLY = 0.2  # by how much more they are alike once they are turned


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


class TransposedFrames:
    """Square frames whose height and width are exchanged, which no shape tells.

    The first frames of the episodes are held against that which the environment shows at first.
    Without an environment that can be played here nothing is known, and nothing is said.
    """

    def __init__(self, task: Task) -> None:
        self._task, self._count = task, 0
        sides = task.observation_shape[-2:]
        self._square = task.pixels and task.env != NO_ENV and sides[0] == sides[1]
        self._sum: NDArray[np.float64] = np.zeros(sides)

    def add(self, episode: Demonstration, number: int) -> None:
        """Keep its first frame, without colour."""
        if self._square:
            self._sum += np.asarray(episode.observations[:1], np.float64)[0].mean(0)
            self._count += 1

    def findings(self) -> list[Finding]:
        """One, where they are clearly more alike on their side."""
        shown = first_frame(self._task.env) if self._square and self._count else None
        if shown is None or shown.shape != self._sum.shape:
            return []
        upright, turned = (_correlation(self._sum, frame) for frame in (shown, shown.T))
        if turned < _ALIKE or turned < upright + _CLEARLY:
            return []
        return [
            Finding(
                "transposed images",
                "all episodes",
                f"first frames are like those of {self._task.env} with height and width exchanged "
                f"(correlation {turned:.2f}, and {upright:.2f} as they are)",
                "in closed loop the policy sees them upright, which it never trained on: transpose "
                "them (image: {layout: WHC}, or WH, or CWH in a map)",
            )
        ]


def first_frame(env: str) -> NDArray[np.float64] | None:
    """What an environment shows at first, `(H, W)` without colour; None if it cannot be played."""
    from lrs_lightning.envs import make  # the simulators take a second to import

    try:
        played = make(env, 1)
        try:
            shown, _ = played.reset(seed=[0])
        finally:
            played.close()
        frame: NDArray[np.float64] = np.asarray(shown, np.float64)[0].mean(0)
        return frame
    except ANY_FAILURE:  # it was not asked for, and is no reason to refuse the data
        return None


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Of pixels, about the mean; 0 where one is of a single brightness."""
    first, second = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / scale if scale > 0 else 0.0


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
