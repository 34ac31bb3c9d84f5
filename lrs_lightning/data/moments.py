"""Mean and deviation of channels, taken in as episodes come (Chan, Golub and LeVeque 1983)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

NEAR_CONSTANT = 1e-5
"""Share of the median deviation of all channels below which one is noise around a constant."""
_ROUNDING = 4 * float(np.finfo(np.float32).eps)  # relative to the numbers themselves


class Moments:
    """Mean and deviation of each channel, in float64.

    Args:
        shape: of one observation.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.count = 0
        self.mean = np.zeros(shape)
        self._squares = np.zeros(shape)

    def add(self, values: NDArray[Any]) -> None:
        """Take in steps `(L, *shape)`."""
        new = len(values)
        if not new:
            return
        wide = np.asarray(values, np.float64)
        mean = wide.mean(axis=0)
        away = mean - self.mean
        total = self.count + new
        self._squares += ((wide - mean) ** 2).sum(axis=0) + away**2 * (self.count * new / total)
        self.mean += away * (new / total)
        self.count = total

    @property
    def deviation(self) -> NDArray[np.float64]:
        """Standard deviation (of the population) of each channel."""
        return np.sqrt(self._squares / max(self.count, 1))


def near_constant(mean: NDArray[Any], deviation: NDArray[Any]) -> NDArray[np.bool_]:
    """Which channels hold rounding instead of a signal, whatever their unit.

    Divided by its deviation, such a channel would reach the policy as large as all others, and a
    change that nobody notices would throw it off.

    Args:
        mean: of each channel.
        deviation: of each channel.
    """
    moving = deviation[deviation > 0]
    usual = float(np.median(moving)) if moving.size else 0.0
    result: NDArray[np.bool_] = deviation <= np.maximum(
        _ROUNDING * np.abs(mean), NEAR_CONSTANT * usual
    )
    return result
