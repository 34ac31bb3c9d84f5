"""What a report compares: methods of several training seeds, or else single policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lrs_lightning.report.runs import Comparison
from lrs_lightning.statistics.condition_summary import ConditionSummary
from lrs_lightning.statistics.method_summary import MethodCondition, MethodSummary
from lrs_lightning.statistics.summary import Summary

Ends = tuple[float, float]


@dataclass(frozen=True)
class Point:
    """A subject in one condition; NaN for what is not known.

    Args:
        condition: text of the condition.
        shift: the shift it names.
        severity: its severity.
        mean: mean return.
        ci95: its interval, over training seeds of a method, over episodes of a policy.
        of_expert: share of the way from a random policy to the expert.
        of_expert_ci95: its interval.
        of_own_clean: share of the own clean return.
        fell: share of episodes that fell.
        success: share of episodes that succeeded.
        by_seed: mean return of each training seed; empty for a policy.
        episodes: how many count.
    """

    condition: str
    shift: str
    severity: int
    mean: float
    ci95: Ends
    of_expert: float
    of_expert_ci95: Ends
    of_own_clean: float
    fell: float
    success: float
    by_seed: tuple[float, ...]
    episodes: int


@dataclass(frozen=True)
class Subject:
    """A method or a policy, with the place that decides its colour and marker.

    Args:
        name: as it is shown.
        index: its place.
        policies: its members; a policy is its own.
        points: what is known of it, by condition.
        headline: mean over shifts and worst shift.
    """

    name: str
    index: int
    policies: tuple[str, ...]
    points: Mapping[str, Point]
    headline: Mapping[str, Any]


def has_methods(comparison: Comparison) -> bool:
    """Whether any method was trained more than once."""
    return any(len(method.policies) > 1 for method in comparison.methods)


def subjects(comparison: Comparison) -> list[Subject]:
    """The methods where any has several training seeds, else the policies."""
    summaries = {summary.name: summary for summary in comparison.summaries}
    if not has_methods(comparison):
        return [_of_policy(i, summary) for i, summary in enumerate(comparison.summaries)]
    return [_of_method(i, m, summaries) for i, m in enumerate(comparison.methods)]


def places(comparison: Comparison) -> dict[str, int]:
    """For each policy the place of its method or of itself, which decides its colour."""
    found = {name: s.index for s in subjects(comparison) for name in s.policies}
    repeated = {name: found.get(first, 0) for name, first in comparison.repeats.items()}
    return {summary.name: 0 for summary in comparison.summaries} | repeated | found


def _of_policy(index: int, summary: Summary) -> Subject:
    points = {c["condition"]: _point(c) for c in summary.conditions}
    return Subject(summary.name, index, (summary.name,), points, summary.headline)


def _of_method(index: int, method: MethodSummary, summaries: Mapping[str, Summary]) -> Subject:
    """Over seeds where there are several, and as the policy itself where there is one."""
    if len(method.policies) == 1:
        return _of_policy(index, summaries[method.policies[0]])
    endings = _endings([summaries[name] for name in method.policies])
    points = {c.condition: _over_seeds(c, endings) for c in method.conditions}
    return Subject(method.name, index, method.policies, points, method.headline)


def _point(c: ConditionSummary) -> Point:
    told: Mapping[str, Any] = c.get("endings") or {}
    return Point(
        c["condition"], c["shift"], c["severity"], _known(c["return_mean"]),
        _pair(c["return_ci95"]), _known(c["expert_normalized"]),
        _pair(c["expert_normalized_ci95"]), _known(c["retention"]),
        _known(told.get("fall_rate")), _known(told.get("success_rate")), (), c["episodes"],
    )  # fmt: skip


def _over_seeds(c: MethodCondition, endings: Mapping[tuple[str, str], float]) -> Point:
    fell, success = (endings.get((c.condition, key), np.nan) for key in _RATES)
    return Point(
        c.condition, c.shift, c.severity, c.return_mean, c.return_ci95, c.expert_normalized,
        c.expert_normalized_ci95, c.retention, fell, success, c.by_seed, c.episodes,
    )  # fmt: skip


_RATES = ("fall_rate", "success_rate")


def _endings(members: Sequence[Summary]) -> dict[tuple[str, str], float]:
    """Mean rates over training seeds, by condition and key; for those that every seed knows."""
    rates: dict[tuple[str, str], list[float]] = {}
    for summary in members:
        for condition in summary.conditions:
            told: Mapping[str, Any] = condition.get("endings") or {}
            for key in _RATES:
                value = _known(told.get(key))
                rates.setdefault((condition["condition"], key), []).append(value)
    return {key: float(np.mean(values)) for key, values in rates.items()}


def _known(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _pair(ends: Sequence[float | None] | None) -> Ends:
    low, high = ends or (None, None)
    return _known(low), _known(high)
