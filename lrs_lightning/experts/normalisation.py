"""Statistics that an expert's observations are normalised with before its first layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.errors import DataError


@dataclass(frozen=True)
class Normalisation:
    """`clip((x - mean) / sqrt(variance + epsilon), -limit, limit)`, in float64.

    Attributes:
        mean: of each channel, `(O,)`.
        variance: of each channel, `(O,)`, at least 0.
        epsilon: added to the variance.
        limit: largest magnitude that is handed on.

    Raises:
        DataError: shapes that differ, numbers that are not finite, a negative variance.
    """

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    epsilon: float = 1e-8
    limit: float = 10.0

    def __post_init__(self) -> None:
        fits = self.mean.ndim == 1 and self.mean.shape == self.variance.shape
        if not fits or not np.isfinite([*self.mean, *self.variance, self.epsilon]).all():
            raise DataError(
                f"the statistics have mean {self.mean.shape} and variance {self.variance.shape}: "
                "expected one finite number of each for every channel"
            )
        if (self.variance < 0).any() or self.epsilon < 0 or not self.limit > 0:
            raise DataError("the statistics have a negative variance, epsilon or limit")

    def __call__(self, observations: NDArray[Any]) -> NDArray[np.float32]:
        """Observations `(N, O)`, normalised."""
        scaled = (observations - self.mean) / np.sqrt(self.variance + self.epsilon)
        return np.clip(scaled, -self.limit, self.limit).astype(np.float32)
