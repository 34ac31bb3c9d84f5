"""What a policy earned in one condition, beside its own clean world, an expert and chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict

import numpy as np

from lrs_lightning.statistics import estimates
from lrs_lightning.statistics.bootstrap import interval
from lrs_lightning.statistics.comparison import paired_retention, plain
from lrs_lightning.statistics.endings import Endings, endings
from lrs_lightning.statistics.estimates import Array
from lrs_lightning.statistics.headline import Ends
from lrs_lightning.statistics.result_line import Row
from lrs_lightning.statistics.returns import CLEAN, Column, Places, finite
from lrs_lightning.statistics.scale import Interval, Scale, is_yardstick

Share = Literal["expert_normalized", "retention"]
"""The keys that are a share of something."""
UNKNOWN: Interval = (np.nan, np.nan)


class ConditionSummary(TypedDict):
    """One entry of the `conditions` of `summary.json`; what cannot be told is None.

    Attributes:
        shift: the shift it names.
        severity: its severity; 0 is clean.
        condition: the whole text.
        episodes: those that count.
        outcomes: how many of them differ; intervals are drawn over these.
        failed: those that ended in an error.
        return_mean: mean return.
        return_ci95: its interval, over more episodes of this very policy.
        return_iqm: interquartile mean of the returns.
        return_median: their median.
        return_std: their deviation, of a sample (divided by n - 1).
        length_mean: mean number of steps.
        expert_normalized: share of the way from a random policy to the expert.
        expert_normalized_ci95: its interval.
        retention: share of the policy's own clean return, where that is a yardstick: see
            `scale.is_yardstick`.
        retention_ci95: its interval.
        retention_normalized: the same, both returns counted from the random policy's.
        endings: how long the episodes were, and how they ended.
        unchanged: there, and true, where every episode went exactly as that of its seed in the
            clean world: the shift has touched nothing.
    """

    shift: str
    severity: int
    condition: str
    episodes: int
    outcomes: NotRequired[int]
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
    endings: NotRequired[Endings]
    unchanged: NotRequired[bool]


def summarize_condition(
    column: Column,
    values: Array,
    outcomes: Places,
    clean: Array | None,
    rows: Sequence[Row],
    references: Mapping[str, float],
) -> ConditionSummary:
    """Summarise the episodes of one policy in one condition.

    Args:
        column: the condition.
        values: returns by seed, `(E,)`, NaN where an episode is missing or failed.
        outcomes: which of them went exactly alike, `(E,)`; see `Returns`.
        clean: returns of the clean world on the same seeds, `(E,)`; None where they are missing, or
            are no yardstick.
        rows: lines of `results.jsonl` of this policy in this condition.
        references: mean clean returns `expert` and `random`, where known.
    """
    scale = Scale.of(references)
    x, often = distinct(values, outcomes)
    ends = _mean_interval(x, often)
    found: dict[str, Any] = {
        "shift": column.shift,
        "severity": column.severity,
        "condition": column.name,
        "failed": sum(row["status"] != "ok" for row in rows),
        "outcomes": x.size,
        **_returns(finite(values), ends),
        **_of_expert(finite(values), ends, scale),
        **_of_own_clean(column, values, clean, scale),
        "endings": endings([row for row in rows if row["status"] == "ok"]),
    }
    found["length_mean"] = found["endings"]["length_mean"]
    summary: ConditionSummary = plain(found)
    return summary


def unchanged(rows: Sequence[Row], clean: Sequence[Row]) -> bool:
    """Whether each of a condition's episodes went exactly as that of its seed in the clean world.

    Files of old, which do not hold what was done, never tell.
    """
    known = {row["seed"]: row.get("outcome") for row in clean if row["status"] == "ok"}
    own = [(known.get(row["seed"]), row.get("outcome")) for row in rows if row["status"] == "ok"]
    return bool(own) and all(then and then == now for then, now in own)


def yardstick(values: Array, outcomes: Places, references: Mapping[str, float]) -> Array | None:
    """Clean returns `(E,)` if shifted ones can be told as shares of them, else None."""
    x, often = distinct(values, outcomes)
    if not x.size:
        return None
    fit = is_yardstick(float(finite(values).mean()), _mean_interval(x, often), references)
    return values if fit else None


def distinct(values: Array, outcomes: Places) -> tuple[Array, Array]:
    """Values `(E,)` of episodes that differ, and how often each was seen, both `(K,)`."""
    have = np.isfinite(values)
    first, often = np.unique(outcomes[have], return_counts=True)
    return values[first], often.astype(np.float64)


def _mean_interval(x: Array, often: Array) -> Interval:
    return interval([x], estimates.mean, repeats=[often]) if x.size else UNKNOWN


def _returns(x: Array, ends: Interval) -> dict[str, Any]:
    """Of returns `(n,)`."""
    if not x.size:
        unknown = dict.fromkeys(("mean", "iqm", "median", "std"), np.nan)
        return {"episodes": 0, "return_ci95": UNKNOWN} | {
            f"return_{name}": value for name, value in unknown.items()
        }
    return {
        "episodes": x.size,
        "return_mean": x.mean(),
        "return_ci95": ends,
        "return_iqm": float(estimates.iqm(x)),
        "return_median": float(estimates.median(x)),
        "return_std": x.std(ddof=1) if x.size > 1 else np.nan,
    }


def _of_expert(x: Array, ends: Interval, scale: Scale | None) -> dict[str, Any]:
    if scale is None or not x.size:
        return {"expert_normalized": np.nan, "expert_normalized_ci95": UNKNOWN}
    return {
        "expert_normalized": scale.share(x.mean()),
        "expert_normalized_ci95": scale.interval(ends),
    }


def _of_own_clean(
    column: Column, values: Array, clean: Array | None, scale: Scale | None
) -> dict[str, Any]:
    """Seeds in pairs: what is kept of the return of the same episode in the clean world."""
    if clean is None:
        return {"retention": np.nan, "retention_ci95": UNKNOWN, "retention_normalized": np.nan}
    kept, ci95 = (1.0, (1.0, 1.0)) if column.name == CLEAN else paired_retention(values, clean)
    above_chance = np.nan
    if scale is not None and finite(values).size:
        above_chance = paired_retention(values - scale.random, clean - scale.random)[0]
    return {"retention": kept, "retention_ci95": ci95, "retention_normalized": above_chance}
