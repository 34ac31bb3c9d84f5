"""Means and differences of methods: the sample is the training seed, then the episode.

Every training seed s of a method plays every start e: a two-way table `y_se` per condition. Three
things vary, and an interval that shall speak of the method must see the first two:

    y_se = mean + seed_s + start_e + rest_se

The mean's variance is `V(seed) / S + V(start) / E + V(rest) / (S E)`. The spread of the S seed
means estimates the first and third term at once, with S - 1 degrees of freedom; what the E start
means spread beyond the rest is the second (Searle, Casella and McCulloch, "Variance Components",
1992, 4.5). Both are added. Between two methods on the same starts the luck of a start cancels, and
only how it differs between them is left; where both were trained with the same seeds, so does that
of a seed, and the differences are a table of their own.

Why no percentile bootstrap: of three seeds it covers 76 of 100 truths and of five 84, this 95
(`tests/statistics/test_between_seeds.py`).

Letters: S training seeds, E episodes (starts).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lrs_lightning.statistics.estimates import Array
from lrs_lightning.statistics.student import Estimate


def seed_means(values: Array) -> Array:
    """Mean over the episodes `(..., S, E)` that are not NaN: `(..., S)`; of none it is NaN."""
    have = np.isfinite(values)
    total, count = np.where(have, values, 0.0).sum(-1), have.sum(-1)
    unknown = np.full(total.shape, np.nan)
    return np.asarray(np.divide(total, count, out=unknown, where=count > 0))


def mean_over_seeds(values: Array, means: Array | None = None) -> Estimate:
    """The mean of a method over training seeds, each of which counts alike.

    Args:
        values: returns `(..., S, E)`, NaN where an episode is missing.
        means: of the seeds, `(..., S)`, where they are known better than by averaging `values`.

    Returns:
        Estimates `(...)`; without an error where there is one seed.
    """
    means = seed_means(values) if means is None else means
    return _estimate(means.mean(-1), _variance_of_mean(means), _start_variance(values))


def difference(
    x: Array, y: Array, paired: bool = False, means: Sequence[Array] | None = None
) -> Estimate:
    """The mean of method x minus that of method y, both on the same E starts.

    Args:
        x: returns `(..., S, E)`, NaN where an episode is missing.
        y: `(..., R, E)`.
        paired: whether seed s of x and seed s of y are the same one; then R is S.
        means: of the seeds of unpaired methods, where they are known better than by averaging.

    Returns:
        Estimates `(...)`; without an error where a method has one seed.
    """
    if paired:
        return mean_over_seeds(x - y)
    own = means or [seed_means(values) for values in (x, y)]
    seeds = _welch([_variance_of_mean(means) for means in own])
    return _estimate(own[0].mean(-1) - own[1].mean(-1), seeds, _start_variance(x, y))


def iqm_over_seeds(means: Array) -> Estimate:
    """The interquartile mean of seed means `(..., S)`, by the trimmed t of Tukey and McLaughlin.

    `floor(S / 4)` seeds are cut at each end, so that three seeds have their plain mean; the error
    is that of the seeds with the cut ones moved to the next that is kept (1963, Sankhya A 25).
    """
    size = means.shape[-1]
    cut = size // 4
    ordered = np.sort(means, axis=-1)
    kept = ordered[..., cut : size - cut]
    moved = np.clip(ordered, kept[..., :1], kept[..., -1:])
    spread = moved.std(-1, ddof=1) if size > 1 else np.full(kept.shape[:-1], np.nan)
    error = spread / ((1 - 2 * cut / size) * np.sqrt(size))
    freedom = float(size - 2 * cut - 1) if size > 1 else np.nan
    return Estimate(kept.mean(-1), error, np.full(error.shape, freedom))


def at_equal_clean(x: Array, y: Array, x_clean: Array, y_clean: Array) -> Estimate:
    """The difference of shifted returns at the same clean return: analysis of covariance.

    A ratio to one's own clean return says nothing where that is small, and runs from 0 to 10 where
    some policies fall; a line through the seeds of both methods, of one slope, does not.

    Args:
        x: seed means under the shift, `(..., S)`.
        y: `(..., R)`.
        x_clean: in the clean world, `(S,)`.
        y_clean: `(R,)`.

    Returns:
        Estimates `(...)`; NaN where S + R < 4, or where no clean returns differ.
    """
    shifted, clean = (x, y), (x_clean, y_clean)
    sizes = [values.shape[-1] for values in shifted]
    freedom = sum(sizes) - 3
    off_y = [values - values.mean(-1, keepdims=True) for values in shifted]
    off_x = [values - values.mean(-1, keepdims=True) for values in clean]
    sxx = sum((a * a).sum(-1) for a in off_x)
    sxy = sum((a * b).sum(-1) for a, b in zip(off_x, off_y, strict=True))
    syy = sum((b * b).sum(-1) for b in off_y)
    apart = x_clean.mean(-1) - y_clean.mean(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = sxy / np.where(sxx > 0, sxx, np.nan)
        value = x.mean(-1) - y.mean(-1) - slope * apart
        left = np.maximum(syy - slope * sxy, 0.0) / (freedom if freedom > 0 else np.nan)
        error = np.sqrt(left * (1 / sizes[0] + 1 / sizes[1] + apart**2 / sxx))
    return Estimate(value, error, np.full(np.shape(error), float(max(freedom, 1))))


def _variance_of_mean(means: Array) -> tuple[Array, Array]:
    """Of the mean of seed means `(..., S)`: its variance, and the freedom of that."""
    size = means.shape[-1]
    if size < 2:
        unknown = np.full(means.shape[:-1], np.nan)
        return unknown, unknown
    return means.var(-1, ddof=1) / size, np.full(means.shape[:-1], size - 1.0)


def _start_variance(*tables: Array) -> tuple[Array, Array]:
    """What the luck of starts adds to the mean of a table, or to the difference of two.

    Of the starts that every seed has played; 0 where there are fewer than two of them.
    """
    whole = np.logical_and.reduce([np.isfinite(t).all(-2) for t in tables])  # (..., E)
    count = whole.sum(-1)
    some = np.maximum(count, 2)
    signed = np.zeros(whole.shape)
    rest = np.zeros(whole.shape[:-1])
    for sign, table in zip((1.0, -1.0), tables, strict=False):
        size = table.shape[-2]
        filled = np.where(whole[..., None, :], table, 0.0)
        starts = filled.mean(-2)
        signed += sign * starts
        if size > 1:
            seeds = filled.sum(-1, keepdims=True) / some[..., None, None]
            centre = seeds.mean(-2, keepdims=True)
            off = np.where(whole[..., None, :], filled - seeds - starts[..., None, :] + centre, 0.0)
            within = (off * off).sum((-2, -1)) / ((size - 1) * (some - 1))
            rest += within / (size * some)
    centred = np.where(whole, signed - (signed.sum(-1) / some)[..., None], 0.0)
    spread = (centred * centred).sum(-1) / ((some - 1) * some)
    return np.where(count > 1, np.maximum(spread - rest, 0.0), 0.0), some - 1.0


def _estimate(value: Array, seeds: tuple[Array, Array], starts: tuple[Array, Array]) -> Estimate:
    """A variance between seeds and one of starts, each `(variance, freedom)`, as two errors.

    Both must hold: that of the seeds alone, which is exact where starts are all alike, and that of
    the sum. Satterthwaite's freedom of a sum is too large where three seeds happened to lie close
    (92.7 % of 4,000 intervals covered); the harmonic mean, weighted by variance, is not (94.6 %).
    """
    total = seeds[0] + starts[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = total / (seeds[0] / seeds[1] + starts[0] / starts[1])
    freedom = np.where(total == 0, seeds[1], pooled)
    errors = np.sqrt(np.stack([seeds[0], total]))
    return Estimate(np.asarray(value), errors, np.stack([np.asarray(seeds[1]), freedom]))


def _welch(parts: list[tuple[Array, Array]]) -> tuple[Array, Array]:
    """The variance of a difference, and its freedom (Welch, Biometrika 1947)."""
    total = np.sum([v for v, _ in parts], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = total**2 / np.sum([v * v / f for v, f in parts], axis=0)
    return total, np.where(total == 0, np.sum([f for _, f in parts], axis=0), pooled)
