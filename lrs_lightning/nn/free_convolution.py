"""The free convolution of a symmetric law with a semicircle: what masking makes of singular values.

Singular values of a matrix plus noise of variance b² / n per entry have, made symmetric, the law of
those of the matrix, made symmetric, freely convolved with a semicircle of variance b². The given
law has mass `weights / 2` at plus and at minus `values`, and the rest at 0 (Biane 1997).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def edge(values: Array, weights: Array, variance: float) -> float:
    """Right edge: `z + b² sum w / (z - l)` at the largest z with `b² sum w / (z - l)² = 1`."""
    rest = 1 - weights.sum()

    def slope(z: float) -> float:
        gap = z * z - values * values
        both = weights * (z * z + values * values) / gap**2
        return float(variance * (both.sum() + rest / z**2))

    low = float(values.max()) * (1 + 1e-12)
    high = low + 10 * math.sqrt(variance)
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) > 1 else (low, middle)
    z = (low + high) / 2
    pull = (weights * z / (z * z - values * values)).sum() + rest / z
    return float(z + variance * pull)


def quantiles(values: Array, weights: Array, variance: float, above: Array) -> Array:
    """Where the shares `above` of the law's positive half lie higher.

    With v(u) the solution of `b² sum w / ((u - l)² + v²) = 1`, or 0 where there is none, the law
    has the density `v(u) / (pi b²)` at `u + b² sum w (u - l) / ((u - l)² + v²)`.
    """
    rest = 1 - weights.sum()
    atoms = np.concatenate([values, -values, [0.0]])
    masses = np.concatenate([weights / 2, weights / 2, [rest]])
    reach = float(values.max()) + math.sqrt(variance)  # no v above 0 lies beyond
    u = np.linspace(0.0, reach, 401)[:, None]
    gap = (u - atoms) ** 2  # (U, atoms)
    low, high = np.zeros((len(u), 1)), np.full((len(u), 1), math.sqrt(variance))
    for _ in range(40):
        middle = (low + high) / 2
        inside = (variance * masses / (gap + middle**2)).sum(1, keepdims=True) > 1
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    v = (low + high) / 2
    pull = (masses * (u - atoms) / np.maximum(gap + v**2, 1e-300)).sum(1)
    return _cut(u[:, 0] + variance * pull, v[:, 0], above)


def _cut(place: Array, density: Array, above: Array) -> Array:
    """The same of a density, of any scale, on `place`, ascending."""
    steps = np.diff(place) * (density[1:] + density[:-1]) / 2
    below = np.concatenate([[0.0], np.cumsum(steps)])
    found: Array = np.interp((1 - above) * below[-1], below, place)
    return found
