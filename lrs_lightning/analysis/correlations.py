"""Rank correlations, with and without a covariate, and what they may be off by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lrs_lightning.errors import ArgumentError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation of n pairs.

    Args:
        value: in [-1, 1]; NaN where a series does not vary.
        n: pairs.
        covariates: how many were taken out.
    """

    value: float
    n: int
    covariates: int = 0

    def interval(self, comparisons: int = 1, confidence: float = 0.95) -> tuple[float, float]:
        """Confidence interval, by Fisher's z with the variance of Bonett and Wright (2000).

        Args:
            comparisons: intervals that shall hold all together (Bonferroni); 1 for this one alone.
            confidence: of all of them together.

        Returns:
            Lower and upper end; NaN for fewer than five pairs (six with a covariate).
        """
        freedom = self.n - 3 - self.covariates
        if freedom < 2 or not math.isfinite(self.value):
            return math.nan, math.nan
        z = math.atanh(min(max(self.value, -1 + 1e-9), 1 - 1e-9))
        reach = NormalDist().inv_cdf(1 - (1 - confidence) / 2 / comparisons)
        half = reach * math.sqrt((1 + self.value**2 / 2) / freedom)
        return math.tanh(z - half), math.tanh(z + half)


def ranked(values: ArrayLike) -> Array:
    """Ranks from 1, equal values sharing the mean of theirs."""
    _, place, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    middle: Array = np.cumsum(counts) - (counts - 1) / 2
    return middle[place]


def spearman(x: ArrayLike, y: ArrayLike, covariates: Sequence[ArrayLike] = ()) -> Correlation:
    """Rank correlation of two series, what the covariates explain of either taken out.

    Args:
        x: `(n,)`.
        y: `(n,)`.
        covariates: each `(n,)`: the partial rank correlation, of the residuals that are left when
            ranks of x and y are regressed on theirs.

    Raises:
        ArgumentError: series of different lengths, or not finite.
    """
    series = [np.asarray(values, np.float64) for values in (x, y, *covariates)]
    if len({values.shape for values in series}) != 1 or series[0].ndim != 1:
        raise ArgumentError(
            f"correlated series have the shapes {[v.shape for v in series]}: give one of length n "
            "each."
        )
    if not all(np.isfinite(values).all() for values in series):
        raise ArgumentError("correlated series hold values that are not finite: leave them out.")
    ranks = [ranked(values) - (len(values) + 1) / 2 for values in series]
    a, b = ranks[:2]
    if covariates:
        basis, sizes, _ = np.linalg.svd(np.stack(ranks[2:], 1), full_matrices=False)
        basis = basis[:, sizes > 1e-9 * max(float(sizes.max()), 1e-300)]
        a, b = a - basis @ (basis.T @ a), b - basis @ (basis.T @ b)
    scale = float(np.linalg.norm(a) * np.linalg.norm(b))
    # A series that a covariate explains wholly leaves rounding errors, which mean nothing.
    nothing = scale <= 1e-12 * float(np.linalg.norm(ranks[0]) * np.linalg.norm(ranks[1]))
    value = math.nan if nothing else float(a @ b) / scale
    return Correlation(value, len(ranks[0]), len(covariates))
