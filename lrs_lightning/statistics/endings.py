"""How long episodes lasted and how they ended: a return alone does not tell a fall from a crawl.

An episode falls where the task says so, by ending it before its time limit without success or by
what it knows of its body (`fell_at`); one that reached its limit upright would have gone on, and
its time to fall is only known to be longer. Kaplan and Meier's curve counts those for as long as
they were watched (JASA 1958).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypedDict

import numpy as np

from lrs_lightning.statistics.chances import rate_interval
from lrs_lightning.statistics.estimates import Array
from lrs_lightning.statistics.headline import Ends, Number
from lrs_lightning.statistics.result_line import Row
from lrs_lightning.statistics.returns import outcome


class Endings(TypedDict):
    """The key `endings` of a condition; what the rows do not tell is None.

    Attributes:
        length_mean: mean number of steps.
        length_median: their median.
        success_rate: share of episodes that the task called a success; None where it calls none so.
        success_ci95: its Wilson interval, over episodes that differ.
        fall_rate: share of episodes that fell.
        fall_ci95: its Wilson interval, over episodes that differ.
        fall_median: steps after which half have fallen; None where more than half stay up.
    """

    length_mean: Number | None
    length_median: Number | None
    success_rate: Number | None
    success_ci95: Ends
    fall_rate: Number | None
    fall_ci95: Ends
    fall_median: Number | None


class Survival(NamedTuple):
    """Steps at which episodes fell, ascending from 0, and the share still up after each."""

    steps: Array
    """`(K,)`."""
    share: Array
    """`(K,)`, from 1 down."""
    watched: float
    """Steps of the longest episode."""


def endings(rows: Sequence[Row]) -> dict[str, Any]:
    """How the episodes of one policy in one condition ended; NaN for what is not known.

    Args:
        rows: those that did not fail.
    """
    lengths = [row["length"] for row in rows]
    differ = len({outcome(row) for row in rows})
    succeeded = [row["success"] for row in rows if isinstance(row.get("success"), bool)]
    fell = [flag for row in rows if (flag := has_fallen(row)) is not None]
    return {
        "length_mean": np.mean(lengths) if lengths else np.nan,
        "length_median": np.median(lengths) if lengths else np.nan,
        **_rate("success", succeeded, differ),
        **_rate("fall", fell, differ),
        "fall_median": _median(survival(rows)),
    }


def has_fallen(row: Row) -> bool | None:
    """Whether the episode ended in a fall; None where its row does not say how it ended."""
    terminated = row.get("terminated")
    if not isinstance(terminated, bool):
        return None
    return row.get("fell_at") is not None or (terminated and row.get("success") is not True)


def time_to_fall(row: Row) -> int:
    """Steps until the fall, or until nobody watched any more."""
    fell_at = row.get("fell_at")
    return int(fell_at) if isinstance(fell_at, int) else int(row["length"])


def survival(rows: Sequence[Row]) -> Survival | None:
    """Share of episodes that are still up after each step; None where no row says how it ended.

    Args:
        rows: of one policy in one condition, those that did not fail.
    """
    known = [(time_to_fall(row), fell) for row in rows if (fell := has_fallen(row)) is not None]
    if not known:
        return None
    times = np.array([time for time, _ in known])
    down = np.array([flag for _, flag in known], bool)
    steps = np.unique(times[down])
    watched = (times[None, :] >= steps[:, None]).sum(1)
    falls = ((times[None, :] == steps[:, None]) & down).sum(1)
    share = np.cumprod(1 - falls / watched)
    return Survival(np.append(0.0, steps), np.append(1.0, share), float(times.max()))


def _rate(name: str, flags: Sequence[bool], differ: int) -> dict[str, Any]:
    if not flags:
        return {f"{name}_rate": np.nan, f"{name}_ci95": (np.nan, np.nan)}
    rate = float(np.mean(flags))
    ends = rate_interval(rate, min(differ, len(flags)))
    return {f"{name}_rate": rate, f"{name}_ci95": tuple(ends.tolist())}


def _median(curve: Survival | None) -> float:
    if curve is None or curve.share[-1] > 0.5:
        return np.nan
    return float(curve.steps[np.argmax(curve.share <= 0.5)])
