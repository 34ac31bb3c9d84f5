"""What a policy earned in one condition, beside its own clean world, an expert and chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict

import numpy as np
from msgspec import Meta

from lrs_lightning.statistics import estimates
from lrs_lightning.statistics.bootstrap import interval
from lrs_lightning.statistics.comparison import paired_retention, plain
from lrs_lightning.statistics.estimates import Array
from lrs_lightning.statistics.results import Row, condition_name
from lrs_lightning.statistics.returns import CLEAN, Column, finite

Interval = tuple[float, float]
Share = Literal["expert_normalized", "retention"]
"""The keys that are a share of something."""
Ends = Annotated[list[float | None], Meta(min_length=2, max_length=2)]
"""An interval as JSON holds it; None where an end is not known."""
UNKNOWN: Interval = (np.nan, np.nan)


class ConditionSummary(TypedDict):
    """One entry of the `conditions` of `summary.json`; what cannot be told is None.

    Attributes:
        shift: the shift it names.
        severity: its severity; 0 is clean.
        condition: the whole text.
        episodes: those that count.
        failed: those that ended in an error.
        return_mean: mean return.
        return_ci95: its interval.
        return_iqm: interquartile mean of the returns.
        return_median: their median.
        return_std: their deviation, of a sample (divided by n - 1).
        length_mean: mean number of steps.
        expert_normalized: share of the way from a random policy to the expert.
        expert_normalized_ci95: its interval.
        retention: share of the policy's own clean return.
        retention_ci95: its interval.
        retention_normalized: the same, both returns counted from the random policy's.
    """

    shift: str
    severity: int
    condition: str
    episodes: int
    failed: int
    return_mean: float | None
    return_ci95: Ends
    return_iqm: float | None
    return_median: float | None
    return_std: float | None
    length_mean: float | None
    expert_normalized: float | None
    expert_normalized_ci95: Ends
    retention: float | None
    retention_ci95: Ends
    retention_normalized: float | None


@dataclass(frozen=True)
class Scale:
    """Where returns lie between a random policy and the expert."""

    expert: float
    random: float

    @classmethod
    def of(cls, references: Mapping[str, float]) -> Scale | None:
        """The scale of two references; None where one is missing or they are equal."""
        expert, random = references.get("expert"), references.get("random")
        return None if expert is None or random is None or expert == random else cls(expert, random)

    def normalized(self, values: Array) -> Array:
        """Of returns of any shape: 0 is a random policy, 1 the expert."""
        return estimates.expert_normalized(values, self.expert, self.random)

    def share(self, value: float) -> float:
        """Of one return."""
        return float(estimates.expert_normalized(value, self.expert, self.random))

    def interval(self, ends: Interval) -> Interval:
        """The ends of an interval, the lower first also where the expert earns less than chance."""
        low, high = sorted(map(self.share, ends))
        return low, high


def summarize_condition(
    column: Column, values: Array, clean: Array, rows: Sequence[Row], scale: Scale | None
) -> ConditionSummary:
    """Summarise the episodes of one policy in one condition.

    Args:
        column: the condition.
        values: returns by seed, `(E,)`, NaN where an episode is missing or failed.
        clean: those of the clean world on the same seeds, `(E,)`.
        rows: lines of `results.jsonl` of this policy.
        scale: of normalised returns, where it is known.
    """
    found: dict[str, Any] = {
        "shift": column.shift,
        "severity": column.severity,
        "condition": column.name,
        **_counted(column, rows),
        **_returns(finite(values)),
        **_of_expert(finite(values), scale),
        **_of_own_clean(column, values, clean, scale),
    }
    summary: ConditionSummary = plain(found)
    return summary


def _counted(column: Column, rows: Sequence[Row]) -> dict[str, Any]:
    """How many episodes count, how many failed, and how long they were."""
    played = [row for row in rows if _is(row, column)]
    lengths = [row["length"] for row in played if row["status"] == "ok"]
    return {
        "failed": sum(row["status"] != "ok" for row in played),
        "length_mean": np.mean(lengths) if lengths else np.nan,
    }


def _is(row: Row, column: Column) -> bool:
    same = (row["shift"], row["severity"]) == (column.shift, column.severity)
    return same and condition_name(row) == column.name


def _returns(x: Array) -> dict[str, Any]:
    """Of returns `(n,)`."""
    if not x.size:
        unknown = dict.fromkeys(("mean", "iqm", "median", "std"), np.nan)
        return {"episodes": 0, "return_ci95": UNKNOWN} | {
            f"return_{name}": value for name, value in unknown.items()
        }
    return {
        "episodes": x.size,
        "return_mean": x.mean(),
        "return_ci95": interval([x], estimates.mean),
        "return_iqm": float(estimates.iqm(x)),
        "return_median": float(estimates.median(x)),
        "return_std": x.std(ddof=1) if x.size > 1 else np.nan,
    }


def _of_expert(x: Array, scale: Scale | None) -> dict[str, Any]:
    if scale is None or not x.size:
        return {"expert_normalized": np.nan, "expert_normalized_ci95": UNKNOWN}
    return {
        "expert_normalized": scale.share(x.mean()),
        "expert_normalized_ci95": scale.interval(interval([x], estimates.mean)),
    }


def _of_own_clean(
    column: Column, values: Array, clean: Array, scale: Scale | None
) -> dict[str, Any]:
    """Seeds in pairs: what is kept of the return of the same episode in the clean world."""
    kept, ci95 = (1.0, (1.0, 1.0)) if column.name == CLEAN else paired_retention(values, clean)
    above_chance = np.nan
    if scale is not None and finite(values).size:
        above_chance = paired_retention(values - scale.random, clean - scale.random)[0]
    return {"retention": kept, "retention_ci95": ci95, "retention_normalized": above_chance}
