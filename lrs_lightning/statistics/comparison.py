"""Two policies, or two conditions, episode by episode.

The same seed starts the same episode for every policy and condition. Resampling seeds, and both
members of a pair with them, takes the luck of the start out of a difference.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.statistics.bootstrap import RESAMPLES, counts, percentile_interval, replicate
from lrs_lightning.statistics.estimates import (
    Array,
    mean,
    probability_of_improvement,
    ranks,
    retention,
)
from lrs_lightning.statistics.returns import Returns, finite

OVERALL = "all shifts"


@dataclass(frozen=True)
class Difference:
    """Policy `a` minus policy `b` in one condition.

    Args:
        a: name of the first policy.
        b: name of the second policy.
        condition: text of the condition, or `"all shifts"`.
        episodes: pairs of episodes.
        difference: mean of the paired differences, in units of return.
        ci95: its interval.
        improvement: chance that an episode of `a` beats one of `b`.
        improvement_ci95: its interval.
    """

    a: str
    b: str
    condition: str
    episodes: int
    difference: float
    ci95: tuple[float, float]
    improvement: float
    improvement_ci95: tuple[float, float]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; NaN becomes null."""
        return {k: plain(v) for k, v in asdict(self).items()}


def compare(returns: Returns, seed: int = 0) -> list[Difference]:
    """Every pair of policies in every condition, and over all shifted ones."""
    shifted = returns.shifted()
    found = []
    for a, b in combinations(returns.policies, 2):
        for c, condition in enumerate(returns.conditions):
            x, y = returns.of(a)[c : c + 1], returns.of(b)[c : c + 1]
            found.append(_difference(a, b, condition.name, x, y, seed))
        if len(shifted.conditions) > 1:
            found.append(_difference(a, b, OVERALL, shifted.of(a), shifted.of(b), seed))
    return [d for d in found if d.episodes]


def paired_retention(
    shifted: Array, clean: Array, seed: int = 0
) -> tuple[float, tuple[float, float]]:
    """`mean(shifted) / mean(clean)` over the seeds `(E,)` that both have, and its 95 % interval."""
    both = np.isfinite(shifted) & np.isfinite(clean)
    x, y = shifted[both], clean[both]
    if not x.size or y.mean() <= 0:
        return np.nan, (np.nan, np.nan)
    w = counts([x.size], RESAMPLES, np.random.default_rng(seed))
    ratios = retention(w @ x, w @ y)
    if np.isnan(ratios).any():  # the clean return may as well be zero: no share has bounds
        return float(x.mean() / y.mean()), (np.nan, np.nan)
    low, high = percentile_interval(ratios, [x.size])
    return float(x.mean() / y.mean()), (float(low), float(high))


def mean_ranks(returns: Returns) -> Array:
    """Rank of each policy in each condition by mean return, 1 is the best: `(P, C)`.

    NaN where a policy has no episode of a condition.
    """
    have = np.isfinite(returns.values)
    totals = np.where(have, returns.values, 0.0).sum(-1)
    means = np.divide(totals, have.sum(-1), out=np.full(totals.shape, np.nan), where=have.any(-1))
    return np.where(np.isnan(means), np.nan, ranks(means))


def plain(value: Any) -> Any:
    """NumPy and tuples to what JSON holds; NaN and infinity become None."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value


def _difference(
    a: str, b: str, condition: str, x: Array, y: Array, seed: int
) -> Difference:  # x, y (C, E)
    difference, ci95 = _stratified_difference(x, y, seed)
    both = np.isfinite(x) & np.isfinite(y)
    return Difference(
        a, b, condition, int(both.sum()), difference, ci95, *_improvement(x, y, both, seed)
    )


def _stratified_difference(x: Array, y: Array, seed: int) -> tuple[float, tuple[float, float]]:
    strata = [d for d in map(finite, x - y) if d.size]
    if not strata:
        return np.nan, (np.nan, np.nan)
    sizes, pooled = [d.size for d in strata], np.concatenate(strata)
    low, high = percentile_interval(replicate(pooled, sizes, mean, seed=seed), sizes)
    return float(pooled.mean()), (float(low), float(high))


def _improvement(
    x: Array, y: Array, both: NDArray[np.bool_], seed: int
) -> tuple[float, tuple[float, float]]:
    """Mean over conditions of the chance that `x` beats `y`; pairs are resampled together."""
    pairs = [(p[keep], q[keep]) for p, q, keep in zip(x, y, both, strict=True) if keep.any()]
    if not pairs:
        return np.nan, (np.nan, np.nan)
    rng = np.random.default_rng(seed)
    point = float(np.mean([probability_of_improvement(p, q) for p, q in pairs]))
    draws = []
    for p, q in pairs:
        w = counts([p.size], RESAMPLES, rng)
        draws.append(probability_of_improvement(p, q, w, w))
    low, high = percentile_interval(np.mean(draws, axis=0), [p.size for p, _ in pairs])
    return point, (max(0.0, float(low)), min(1.0, float(high)))
