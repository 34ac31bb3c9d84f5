"""Intervals of chances that stay wide where all that was seen says yes, or no.

Three wins of three are no proof: an interval of [1, 1] would say so. Score intervals ask instead
which truths would make what was seen no surprise, and end nowhere at a single point.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from lrs_lightning.statistics.estimates import Array

FEW = 5
"""Values on either side below which a chance is not told: four wins of four mean little."""

_Z = NormalDist().inv_cdf(0.975)
_ROUNDS = 60


def rate_interval(rate: ArrayLike, size: ArrayLike) -> Array:
    """The 95 % interval of a share of `size` trials, `(2, ...)` (Wilson, JASA 1927)."""
    p, n = np.broadcast_arrays(np.asarray(rate, np.float64), np.asarray(size, np.float64))
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        half = _Z * np.sqrt(p * (1 - p) / n + _Z**2 / (4 * n * n)) / (1 + _Z**2 / n)
    return np.asarray(np.clip(np.stack([centre - half, centre + half]), 0.0, 1.0))


def better_interval(chance: ArrayLike, size: ArrayLike, rival: ArrayLike) -> Array:
    """The 95 % interval of the chance that one of `size` values beats one of `rival`, `(2, ...)`.

    All pairs of a value and a rival are seen, and a tie is half a win. The variance is Hanley and
    McNeil's at the chance that is tried, which makes it a score interval: method 5 of Newcombe,
    Statistics in Medicine 2006 (25, 559).

    Args:
        chance: what was seen, in [0, 1].
        size: values, above 0.
        rival: values on the other side.
    """
    seen, m, n = np.broadcast_arrays(
        *(np.asarray(value, np.float64) for value in (chance, size, rival))
    )
    ends = []
    for limit in (0.0, 1.0):
        inside, outside = seen.copy(), np.full(seen.shape, limit)
        for _ in range(_ROUNDS):
            middle = (inside + outside) / 2
            near = np.abs(middle - seen) <= _Z * np.sqrt(_variance(middle, m, n))
            inside, outside = np.where(near, middle, inside), np.where(near, outside, middle)
        ends.append(inside)
    return np.where(np.isnan(seen), np.nan, np.stack(ends))


def _variance(chance: Array, m: Array, n: Array) -> Array:
    middle = (m + n) / 2 - 1
    more = 1 + middle * (1 - chance) / (2 - chance) + middle * chance / (1 + chance)
    return np.asarray(chance * (1 - chance) * more / (m * n))
