"""Confidence intervals by the stratified bootstrap: episodes are redrawn within their condition.

A plain percentile interval of 20 episodes is too narrow (it covers the truth about 93 times in 100
instead of 95): it misses the factor `sqrt(n / (n - 1))` of an unbiased deviation and the heavier
tails of Student's t. Both are put back by reading the percentiles a little further out
(Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 2015, 5.2).
Of fewer than nine values no percentile lies far enough out, since none leaves the data's range:
there the interval is the replicates' deviation times Student's t.

Everything is a pure function of its seed. Letters: R resamples, N values of all strata pooled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from lrs_lightning.errors import ArgumentError
from lrs_lightning.statistics.estimates import Array, Statistic
from lrs_lightning.statistics.student import CONFIDENCE, quantile

RESAMPLES = 2000
FEW = 8  # degrees of freedom below which percentiles do not reach far enough
_CHUNK = 4_000_000  # numbers of a (R, N) matrix held at once: 32 MB
_SMALL = 256  # values whose draws are kept


def interval(
    strata: Sequence[ArrayLike],
    statistic: Statistic,
    *,
    repeats: Sequence[ArrayLike] | None = None,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> tuple[float, float]:
    """Interval of `statistic` over values that were drawn per stratum (condition, task).

    Args:
        strata: one array of values per stratum; each is resampled in itself.
        statistic: `(values (N,), weights (R, N)) -> (R,)`, as in `estimates`.
        repeats: how often each value was seen where episodes went exactly alike: these are drawn
            together, since they are one outcome and not many. By default once.
        resamples: R, number of replicates.
        confidence: share of such intervals that cover the truth.
        seed: of the resampling.

    Returns:
        Lower and upper end; NaN where a stratum has a single value, which tells nothing of spread.
    """
    parts = [np.asarray(s, np.float64) for s in strata]
    sizes = [part.size for part in parts]
    if repeats is not None:
        often = np.concatenate([np.asarray(r, np.float64) for r in repeats])
        statistic = _weighted_by(statistic, often)
    replicates = replicate(np.concatenate(parts), sizes, statistic, resamples, seed)
    low, high = percentile_interval(replicates, sizes, confidence)
    return float(low), float(high)


def _weighted_by(statistic: Statistic, often: Array) -> Statistic:
    return lambda values, weights: statistic(values, weights * often)


def replicate(
    values: Array,
    sizes: Sequence[int],
    statistic: Statistic,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Array:
    """`statistic` of R resamples of `values (N,)`, whose strata follow one another: `(R, ...)`."""
    if values.size <= _SMALL:
        return np.asarray(statistic(values, draws(tuple(sizes), resamples, seed)))
    rng = np.random.default_rng(seed)
    chunk = max(1, _CHUNK // max(1, values.size))
    rounds = [min(chunk, resamples - start) for start in range(0, resamples, chunk)]
    return np.concatenate([statistic(values, counts(sizes, r, rng)) for r in rounds])


@lru_cache(maxsize=8)
def draws(sizes: tuple[int, ...], resamples: int, seed: int) -> Array:
    """`counts` of a new generator; kept, since most conditions have as many episodes.

    For few values: `(R, N)` is not cut into pieces.
    """
    found = counts(sizes, resamples, np.random.default_rng(seed))
    found.setflags(write=False)
    return found


def counts(sizes: Sequence[int], resamples: int, rng: np.random.Generator) -> Array:
    """How often each value is drawn, `(R, N)`: the rows of a stratum of n values sum to n."""
    return np.concatenate([_counts(n, resamples, rng) for n in sizes], axis=1)


def _counts(size: int, resamples: int, rng: np.random.Generator) -> Array:
    drawn = rng.integers(size, size=(resamples, size))
    drawn += size * np.arange(resamples)[:, None]  # one histogram for all resamples
    flat = np.bincount(drawn.ravel(), minlength=resamples * size)
    return flat.reshape(resamples, size).astype(np.float64)


def percentile_interval(
    replicates: Array, sizes: Sequence[int], confidence: float = CONFIDENCE
) -> Array:
    """Interval from `replicates (R, ...)`, `(2, ...)`; NaN if a stratum has one value."""
    if not 0 < confidence < 1:
        raise ArgumentError(f"confidence={confidence:g} must lie between 0 and 1, e.g. 0.95")
    if min(sizes, default=0) < 2:
        return np.full((2, *replicates.shape[1:]), np.nan)
    # Strata pool their degrees of freedom.
    freedom = sum(n - 1 for n in sizes)
    reach = math.sqrt(sum(sizes) / freedom) * _t_quantile((1 + confidence) / 2, freedom)
    if freedom < FEW:
        half = reach * replicates.std(axis=0)
        return np.asarray(replicates.mean(axis=0) + np.stack([-half, half]))
    tail = NormalDist().cdf(-reach)
    return np.asarray(np.quantile(replicates, [tail, 1 - tail], axis=0))


@lru_cache(maxsize=256)
def _t_quantile(probability: float, freedom: int) -> float:
    return float(quantile(probability, float(freedom)))
