"""Noise on frames, float32 in [0, 1], as in ImageNet-C (Hendrycks & Dietterich, 2019)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.shifts.base import Array, Moment, Shift, ShiftContext
from lrs_lightning.shifts.strength import StrengthRange

_QUANTILES = 1 << 16


class GaussianNoise(Shift):
    """Gaussian noise on every pixel: deviations 0.08, 0.12, 0.18, 0.26, 0.38 (ImageNet-C)."""

    name, domain, strengths = "gaussian_noise", "frames", (0.08, 0.12, 0.18, 0.26, 0.38)

    def observe(self, observations: Array, now: Moment) -> Array:
        """Fresh noise in every frame."""
        noise = now.normal(*observations.shape[1:])
        noise *= np.float32(self.strength)
        noise += observations
        seen: Array = noise
        return seen


class ShotNoise(Shift):
    """Photons are counted: 60, 25, 12, 5, 3 of them make a white pixel (ImageNet-C)."""

    name, domain, strengths = "shot_noise", "frames", (60, 25, 12, 5, 3)
    strength_range = StrengthRange(np.inf, limit=0.5)

    def __init__(self, strength: float, context: ShiftContext, rows: int) -> None:
        super().__init__(strength, context, rows)
        self._counts = poisson_quantiles(strength)

    def observe(self, observations: Array, now: Moment) -> Array:
        """Poisson counts by inversion, at 65,536 quantiles of each of 256 grey levels."""
        grey = np.rint(np.clip(observations, 0, 1) * np.float32(255)).astype(np.intp)
        quantile = (now.uniform(*observations.shape[1:]) * np.float32(_QUANTILES)).astype(np.intp)
        counts = self._counts.ravel()[grey * _QUANTILES + quantile]
        seen: Array = np.multiply(counts, np.float32(1 / self.strength), dtype=np.float32)
        return seen


class ImpulseNoise(Shift):
    """Salt and pepper: 3, 6, 9, 17, 27 % of the pixels are black or white (ImageNet-C)."""

    name, domain, strengths = "impulse_noise", "frames", (0.03, 0.06, 0.09, 0.17, 0.27)
    strength_range = StrengthRange(limit=1.0)

    def observe(self, observations: Array, now: Moment) -> Array:
        """As many white as black."""
        chance = now.uniform(*observations.shape[1:])
        half = np.float32(self.strength / 2)
        seen = np.where(chance < half, np.float32(0), observations)
        return np.where(chance >= 1 - half, np.float32(1), seen)


def poisson_quantiles(white: float) -> NDArray[np.uint8]:
    """Counts at evenly spaced quantiles of the Poisson law of each grey level, `(256, 65536)`."""
    k = np.arange(256)
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(k[1:]))])
    table = np.empty((256, _QUANTILES), np.uint8)
    table[0] = 0  # black sends no photons
    for grey in range(1, 256):
        mean = grey / 255 * white
        law = np.cumsum(np.exp(k * np.log(mean) - mean - log_factorial))
        edges = np.rint(np.minimum(law, 1.0) * _QUANTILES).astype(np.int64)
        edges[-1] = _QUANTILES
        table[grey] = np.repeat(k.astype(np.uint8), np.diff(edges, prepend=0))
    return table
