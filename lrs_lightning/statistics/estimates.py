"""Point estimates over episodes: the numbers that a table, a curve or a comparison shows.

Every aggregate takes `values (N,)` and `weights (..., N)`: how often each value counts. All ones is
the plain statistic, and the counts of a bootstrap resample give its replicate, so that thousands of
replicates are one matrix product instead of thousands of sorted copies.

Letters: N episodes of all conditions pooled, K thresholds or severities, P policies, C conditions.

Source: Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice",
NeurIPS 2021 (interquartile mean, optimality gap, probability of improvement, profiles).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lrs_lightning.errors import ArgumentError

Array: TypeAlias = NDArray[np.float64]
Statistic: TypeAlias = Callable[[Array, Array], Array]


def mean(values: ArrayLike, weights: ArrayLike | None = None) -> Array:
    """The arithmetic mean, `(...)`."""
    x, w = _weighted(values, weights)
    return np.asarray(w @ x / w.sum(-1))


def iqm(values: ArrayLike, weights: ArrayLike | None = None) -> Array:
    """The interquartile mean, `(...)`: what remains when a quarter is cut off at either end.

    `floor(N / 4)` values are cut at each end, as `scipy.stats.trim_mean` does.
    """
    x, w = _sorted(values, weights)
    total = np.cumsum(w, axis=-1)  # (..., N)
    size = total[..., -1:]
    cut = np.floor(0.25 * size)
    kept = np.clip(total, cut, size - cut) - np.clip(total - w, cut, size - cut)
    return np.asarray(kept @ x / kept.sum(-1))


def median(values: ArrayLike, weights: ArrayLike | None = None) -> Array:
    """The median, `(...)`; of an even number of values the mean of the middle two."""
    x, w = _sorted(values, weights)
    total = np.cumsum(w, axis=-1)
    size = total[..., -1:]
    lower = (total < np.ceil(size / 2)).sum(-1)
    upper = (total < np.floor(size / 2) + 1).sum(-1)
    return np.asarray((x[lower] + x[upper]) / 2)


def optimality_gap(
    values: ArrayLike, weights: ArrayLike | None = None, target: float = 1.0
) -> Array:
    """How far the values fall short of `target` on average; what exceeds it does not make up."""
    short = np.maximum(target - np.asarray(values, np.float64), 0.0)
    return mean(short, weights)


def performance_profile(
    values: ArrayLike, thresholds: ArrayLike, weights: ArrayLike | None = None
) -> Array:
    """Share of episodes whose value exceeds each threshold: `(..., K)`."""
    x, w = _weighted(values, weights)
    above = x[:, None] > np.asarray(thresholds, np.float64)  # (N, K)
    return np.asarray(w @ above.astype(np.float64) / w.sum(-1, keepdims=True))


def probability_of_improvement(
    x: ArrayLike,
    y: ArrayLike,
    x_weights: ArrayLike | None = None,
    y_weights: ArrayLike | None = None,
) -> Array:
    """Chance that an episode of `x (N,)` beats one of `y (M,)`; a tie counts one half."""
    x, wx = _weighted(x, x_weights)
    y, wy = _weighted(y, y_weights)
    wins = (x[:, None] > y) + 0.5 * (x[:, None] == y)  # (N, M)
    return np.asarray(((wx @ wins) * wy).sum(-1) / (wx.sum(-1) * wy.sum(-1)))


def expert_normalized(returns: ArrayLike, expert: float, random: float) -> Array:
    """`(R - random) / (expert - random)`: 0 is a random policy, 1 the expert."""
    if not np.isfinite(expert - random) or expert == random:
        raise ArgumentError(
            f"the references expert={expert:g} and random={random:g} span no scale: "
            "give two different finite returns"
        )
    return np.asarray((np.asarray(returns, np.float64) - random) / (expert - random))


def retention(shifted: ArrayLike, clean: ArrayLike) -> Array:
    """`R_shift / R_clean`; NaN where the clean return is not positive and a share means nothing."""
    shifted, clean = np.asarray(shifted, np.float64), np.asarray(clean, np.float64)
    unknown = np.full(np.broadcast(shifted, clean).shape, np.nan)
    return np.asarray(np.divide(shifted, clean, out=unknown, where=clean > 0))


def severity_auc(severities: ArrayLike, values: ArrayLike) -> Array:
    """Mean height of the curve over severity, `(...)`: its area divided by the severity's range.

    Args:
        severities: `(K,)`, ascending, the first 0 (clean).
        values: `(..., K)`, e.g. expert-normalised returns.
    """
    s, v = np.asarray(severities, np.float64), np.asarray(values, np.float64)
    if s.ndim != 1 or len(s) < 2 or (np.diff(s) <= 0).any() or v.shape[-1:] != s.shape:
        raise ArgumentError(
            f"a severity curve needs two or more ascending severities and as many values, "
            f"got severities {s.tolist()} and values of shape {v.shape}"
        )
    return np.asarray(np.trapezoid(v, s, axis=-1) / (s[-1] - s[0]))


def ranks(scores: ArrayLike) -> Array:
    """Rank of each policy in each condition, 1 is the best, ties share the mean rank.

    Args:
        scores: `(..., P, C)`, higher is better.

    Returns:
        `(..., P, C)`.
    """
    s = np.asarray(scores, np.float64)
    rival, own = s[..., None, :, :], s[..., :, None, :]  # (..., 1, P, C), (..., P, 1, C)
    better, tied = (rival > own).sum(-2), (rival == own).sum(-2)
    return np.asarray(better + (tied + 1) / 2)


def _weighted(values: ArrayLike, weights: ArrayLike | None) -> tuple[Array, Array]:
    x = np.asarray(values, np.float64)
    if x.ndim != 1 or not x.size:
        raise ArgumentError(f"a statistic needs one or more values in a row, got shape {x.shape}")
    if np.isnan(x).any():
        raise ArgumentError(
            f"{int(np.isnan(x).sum())} of {x.size} values are NaN: leave failed episodes out"
        )
    w = np.ones(x.shape) if weights is None else np.asarray(weights, np.float64)
    if w.shape[-1:] != x.shape:
        raise ArgumentError(f"weights of shape {w.shape} do not fit {x.size} values")
    return x, w


def _sorted(values: ArrayLike, weights: ArrayLike | None) -> tuple[Array, Array]:
    x, w = _weighted(values, weights)
    order = np.argsort(x, kind="stable")
    return x[order], w[..., order]
