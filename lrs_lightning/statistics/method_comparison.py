"""Two methods, training seed by training seed: what may be said of methods, corrected for many.

Letters: C conditions, S and R training seeds, E episodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from lrs_lightning.statistics.between_seeds import (
    at_equal_clean,
    difference,
    mean_over_seeds,
    seed_means,
)
from lrs_lightning.statistics.chances import FEW, better_interval
from lrs_lightning.statistics.comparison import OVERALL, plain
from lrs_lightning.statistics.estimates import Array, probability_of_improvement
from lrs_lightning.statistics.method_summary import table_of
from lrs_lightning.statistics.methods import Method
from lrs_lightning.statistics.multiplicity import holm
from lrs_lightning.statistics.returns import CLEAN, Returns
from lrs_lightning.statistics.student import Estimate

LEVEL = 0.05
"""Corrected p value below which two methods are called different."""


@dataclass(frozen=True)
class MethodDifference:
    """Method `a` minus method `b` in one condition; NaN for what cannot be told.

    Args:
        a: name of the first method.
        b: name of the second method.
        condition: text of the condition, or `"all shifts"`, whose conditions count alike.
        seeds: training seeds of each.
        paired: whether both were trained with the same seeds, so that their pairs are compared.
        difference: of the mean returns.
        ci95: its interval over training seeds and episodes, of this comparison alone.
        p: p value of no difference.
        p_holm: the same, corrected for all comparisons that were made at once.
        at_equal_clean: the difference at the same clean return, by a line through the seeds.
        at_equal_clean_ci95: its interval.
        improvement: chance that a training of `a` beats one of `b`; NaN below five seeds of either.
        improvement_ci95: its interval (Newcombe 2006).
    """

    a: str
    b: str
    condition: str
    seeds: tuple[int, int]
    paired: bool
    difference: float
    ci95: tuple[float, float]
    p: float
    p_holm: float
    at_equal_clean: float
    at_equal_clean_ci95: tuple[float, float]
    improvement: float
    improvement_ci95: tuple[float, float]

    @property
    def clear(self) -> bool:
        """Whether the methods differ, after correction for all comparisons."""
        return bool(self.p_holm < LEVEL)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; NaN becomes null."""
        return {k: plain(v) for k, v in asdict(self).items()}


class _Compared(NamedTuple):
    """Two methods in K conditions."""

    names: list[str]
    differences: Estimate
    adjusted: Estimate
    chances: Array


def compare_methods(methods: Sequence[Method], returns: Returns) -> list[MethodDifference]:
    """Every pair of methods of two or more training seeds, in every condition and over all shifts.

    A method of one seed is in no comparison: nothing can be said about it.
    """
    several = [method for method in methods if len(method.policies) > 1]
    pairs = list(combinations(several, 2))
    compared = [_compare(a, b, returns) for a, b in pairs]
    if not compared:
        return []
    differences = _joined([c.differences for c in compared])
    adjusted = _joined([c.adjusted for c in compared])
    p = differences.p_value()
    numbers = zip(
        differences.value, differences.interval().T, p, holm(p), adjusted.value,
        adjusted.interval().T, strict=True,
    )  # fmt: skip
    found = []
    for (a, b), c in zip(pairs, compared, strict=True):
        sizes = len(a.policies), len(b.policies)
        chances = better_interval(c.chances, *sizes).T
        for name, chance, ends in zip(c.names, c.chances, chances, strict=True):
            value, ci95, raw, corrected, level, level_ci95 = next(numbers)
            found.append(
                MethodDifference(
                    a.name, b.name, name, sizes, a.shares_seeds_with(b), float(value), _pair(ci95),
                    float(raw), float(corrected), float(level), _pair(level_ci95), float(chance),
                    _pair(ends),
                )
            )  # fmt: skip
    return found


def _compare(a: Method, b: Method, returns: Returns) -> _Compared:
    paired = a.shares_seeds_with(b)
    x = table_of(a.policies, returns)
    y = table_of(a.paired_with(b) if paired else b.policies, returns)
    have = [np.asarray(np.isfinite(table).any(-1).all(-1)) for table in (x, y)]
    played = have[0] & have[1]  # (C,)
    names = [c.name for c, kept in zip(returns.conditions, played, strict=True) if kept]
    x, y = x[played], y[played]
    means = [seed_means(x), seed_means(y)]
    each = difference(x, y, paired)
    shifted = [name != CLEAN for name in names]
    if sum(shifted) > 1:
        overall = _overall(x[shifted], y[shifted], paired)
        each = _joined([each, Estimate(*(part[..., None] for part in overall))])
        means = [np.concatenate([m, m[shifted].mean(0, keepdims=True)]) for m in means]
        names = [*names, OVERALL]
    return _Compared(names, each, _at_equal_clean(names, *means), _chances(*means))


def _overall(x: Array, y: Array, paired: bool) -> tuple[Array, Array, Array]:
    """Over conditions that count alike: value, error and freedom of `(C, S, E)` and `(C, R, E)`."""
    if paired:
        apart = x - y
        found = mean_over_seeds(apart.mean(0), seed_means(apart).mean(0))
    else:
        found = difference(x.mean(0), y.mean(0), means=[seed_means(t).mean(0) for t in (x, y)])
    return found.value, found.error, found.freedom


def _at_equal_clean(names: list[str], x: Array, y: Array) -> Estimate:
    """Of seed means `(K, S)` and `(K, R)`; NaN for the clean condition itself."""
    unknown = np.full(len(names), np.nan)
    if CLEAN not in names:
        return Estimate(unknown, unknown, unknown)
    place = names.index(CLEAN)
    found = at_equal_clean(x, y, x[place], y[place])
    itself = np.array([name == CLEAN for name in names])
    parts = (found.value, found.error, found.freedom)
    return Estimate(*(np.where(itself, np.nan, part) for part in parts))


def _chances(x: Array, y: Array) -> Array:
    """Chance that a seed of x `(K, S)` beats one of y `(K, R)`, `(K,)`; NaN where there are few."""
    if min(x.shape[-1], y.shape[-1]) < FEW:
        return np.full(len(x), np.nan)
    pairs = zip(x, y, strict=True)
    return np.array([float(probability_of_improvement(one, two)) for one, two in pairs])


def _joined(parts: Sequence[Estimate]) -> Estimate:
    names = ("value", "error", "freedom")
    return Estimate(*(np.concatenate([getattr(p, name) for p in parts], -1) for name in names))


def _pair(ends: Array) -> tuple[float, float]:
    low, high = ends
    return float(low), float(high)
