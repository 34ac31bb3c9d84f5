"""What a method earned: means and intervals over its training seeds.

Letters: S training seeds, C conditions, E episodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from lrs_lightning.statistics.between_seeds import iqm_over_seeds, mean_over_seeds, seed_means
from lrs_lightning.statistics.comparison import plain
from lrs_lightning.statistics.estimates import Array
from lrs_lightning.statistics.headline import headline
from lrs_lightning.statistics.methods import Method
from lrs_lightning.statistics.returns import CLEAN, Returns
from lrs_lightning.statistics.scale import Scale, is_yardstick
from lrs_lightning.statistics.student import Estimate

Interval = tuple[float, float]
_UNKNOWN: Interval = (np.nan, np.nan)


@dataclass(frozen=True)
class MethodCondition:
    """A method in one condition; NaN for what cannot be told.

    Args:
        condition: its text.
        shift: the shift it names.
        severity: its severity.
        by_seed: mean return of each training seed, in the order of the method's policies.
        episodes: of all seeds.
        outcomes: how many of them differ within their seed.
        return_mean: mean over seeds.
        return_ci95: its interval, over training seeds and episodes; unknown of one seed.
        return_iqm: interquartile mean over seeds.
        return_iqm_ci95: its interval, over training seeds.
        expert_normalized: the mean as a share of the way from a random policy to the expert.
        expert_normalized_ci95: its interval.
        retention: mean over seeds of the share of their own clean return, where that of every seed
            is a yardstick; see `scale.is_yardstick`.
        retention_ci95: its interval.
    """

    condition: str
    shift: str
    severity: int
    by_seed: tuple[float, ...]
    episodes: int
    outcomes: int
    return_mean: float
    return_ci95: Interval
    return_iqm: float
    return_iqm_ci95: Interval
    expert_normalized: float
    expert_normalized_ci95: Interval
    retention: float
    retention_ci95: Interval


@dataclass(frozen=True)
class MethodSummary:
    """A method under a suite; the attributes are the keys of `methods` in `summary.json`.

    Args:
        name: of the method.
        policies: its members, each of another training seed.
        training_seeds: what is known of each member's seeds, by kind.
        conditions: those that all members played.
        headline: mean over shifts and worst shift; see `headline.Headline`.
    """

    name: str
    policies: tuple[str, ...]
    training_seeds: tuple[dict[str, int], ...]
    conditions: tuple[MethodCondition, ...]
    headline: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; NaN becomes null."""
        content: dict[str, Any] = plain(asdict(self))
        return content


def summarize_method(
    method: Method, returns: Returns, references: Mapping[str, float]
) -> MethodSummary:
    """Sum up a method over its training seeds.

    Args:
        method: which policies are its draws.
        returns: of all policies.
        references: mean clean returns `expert` and `random`, where known.
    """
    values = table_of(method.policies, returns)  # (C, S, E)
    played = np.asarray(np.isfinite(values).any(-1).all(-1))
    columns = [c for c, kept in zip(returns.conditions, played, strict=True) if kept]
    values, means = values[played], seed_means(values[played])
    differ = returns.different(method.policies)[played]
    each, scale = mean_over_seeds(values), Scale.of(references)
    shares = _retention([c.name for c in columns], means, references)
    numbers = zip(*map(_told, (each, iqm_over_seeds(means), shares)), strict=True)
    conditions = tuple(
        MethodCondition(
            condition=column.name,
            shift=column.shift,
            severity=column.severity,
            by_seed=tuple(means[c].tolist()),
            episodes=int(np.isfinite(values[c]).sum()),
            outcomes=int(differ[c]),
            return_mean=mean,
            return_ci95=ends,
            return_iqm=iqm,
            return_iqm_ci95=iqm_ends,
            expert_normalized=np.nan if scale is None else scale.share(mean),
            expert_normalized_ci95=_UNKNOWN if scale is None else scale.interval(ends),
            retention=kept,
            retention_ci95=kept_ends,
        )
        for c, (column, ((mean, ends), (iqm, iqm_ends), (kept, kept_ends))) in enumerate(
            zip(columns, numbers, strict=True)
        )
    )
    shifted = np.array([c.name != CLEAN for c in columns], bool)
    overall = over_conditions(values[shifted]) if shifted.any() else each
    names = [c.name for c in columns if c.name != CLEAN]
    chosen = Estimate(*(part[..., shifted] for part in (each.value, each.error, each.freedom)))
    seeds = tuple(dict(own) for own in method.seeds)
    first = plain(dict(headline(names, chosen, overall, scale)))
    return MethodSummary(method.name, method.policies, seeds, conditions, first)


def table_of(policies: Sequence[str], returns: Returns) -> Array:
    """Returns of these policies as a table of training seeds and episodes: `(C, S, E)`."""
    places = [returns.policies.index(name) for name in policies]
    return np.moveaxis(returns.values[places], 0, 1)


def over_conditions(values: Array) -> Estimate:
    """The mean over conditions, which count alike, and over training seeds; of `(C, S, E)`."""
    return mean_over_seeds(values.mean(0), seed_means(values).mean(0))


def _told(estimate: Estimate) -> list[tuple[float, Interval]]:
    lows, highs = estimate.interval()
    return [
        (float(value), (float(low), float(high)))
        for value, low, high in zip(estimate.value, lows, highs, strict=True)
    ]


def _retention(names: list[str], means: Array, references: Mapping[str, float]) -> Estimate:
    """Shares of each seed's own clean return, `(C,)`; NaN where a seed has no yardstick."""
    clean = means[names.index(CLEAN)] if CLEAN in names else np.full(means.shape[-1:], np.nan)
    fit = all(is_yardstick(float(mean), _UNKNOWN, references) for mean in clean)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = means / clean if fit else np.full(means.shape, np.nan)
    return mean_over_seeds(shares[..., None])
