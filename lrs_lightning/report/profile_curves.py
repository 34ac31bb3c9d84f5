"""Performance profiles as numbers: the share of episodes that earn more than a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lrs_lightning.statistics import estimates
from lrs_lightning.statistics.bootstrap import percentile_interval, replicate
from lrs_lightning.statistics.estimates import Array
from lrs_lightning.statistics.returns import finite

THRESHOLDS = 101
RESAMPLES = 500  # a band needs fewer than an interval that is printed


class Profile(NamedTuple):
    """A profile with its 95 % band, each `(THRESHOLDS,)`."""

    share: Array
    low: Array
    high: Array


def profile(strata: Sequence[Array], thresholds: Array) -> Profile | None:
    """Of returns in their conditions, NaN where an episode is missing; None where all are."""
    parts = [part for part in map(finite, strata) if part.size]
    if not parts:
        return None
    pooled, sizes = np.concatenate(parts), [part.size for part in parts]

    def above(values: Array, weights: Array) -> Array:
        return estimates.performance_profile(values, thresholds, weights)

    low, high = percentile_interval(replicate(pooled, sizes, above, RESAMPLES), sizes)
    share = above(pooled, np.ones(pooled.size))
    return Profile(share, np.maximum(low, 0), np.minimum(high, 1))


def thresholds_of(values: Array, normalized: bool) -> Array:
    """From the lowest to the highest return, and from 0 to 1 at least where they are shares."""
    known = finite(values)
    low, high = (known.min(), known.max()) if known.size else (0.0, 1.0)
    if normalized:
        low, high = min(low, 0.0), max(high, 1.0)
    return np.linspace(low, high, THRESHOLDS)
