"""What is said first: how a policy fares over all shifts, and under the one that hurts it most.

An interquartile mean over shifts cuts off a quarter at either end, and with it the very shift under
which a policy falls; the mean over shifts and the worst one do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypedDict

import numpy as np
from msgspec import Meta

from lrs_lightning.statistics.scale import Scale
from lrs_lightning.statistics.student import Estimate

Number = Annotated[float, Meta(ge=-1e100, le=1e100)]
Ends = Annotated[list[float | None], Meta(min_length=2, max_length=2)]
"""An interval as JSON holds it; None where an end is not known."""


class Headline(TypedDict, total=False):
    """The key `headline` of a run or a method; what cannot be told is None.

    Without a shifted condition it is empty.

    Attributes:
        unit: `expert_normalized` where both references are known, else `return`.
        mean_over_shifts: mean over the shifted conditions, which count alike.
        mean_over_shifts_ci95: its interval.
        worst_shift: the condition with the lowest mean.
        worst: that mean. Of several noisy means the lowest is below its truth rather than above.
        worst_ci95: its interval.
    """

    unit: Literal["expert_normalized", "return"]
    mean_over_shifts: Number | None
    mean_over_shifts_ci95: Ends
    worst_shift: str
    worst: Number | None
    worst_ci95: Ends


def headline(
    names: Sequence[str], each: Estimate, overall: Estimate, scale: Scale | None
) -> Mapping[str, Any]:
    """The headline of a run or a method; empty without a shifted condition.

    Args:
        names: texts of the C shifted conditions.
        each: their mean returns, `(C,)`.
        overall: the mean over them, `()`.
        scale: of normalised returns, where it is known.
    """
    if not names or not np.isfinite(each.value).any():
        return {}
    worst = int(np.nanargmin(each.value))
    lows, highs = each.interval()
    shown = [
        (float(overall.value), tuple(overall.interval().tolist())),
        (float(each.value[worst]), (float(lows[worst]), float(highs[worst]))),
    ]
    if scale is not None:
        shown = [(scale.share(value), scale.interval(ends)) for value, ends in shown]
    (mean, mean_ends), (least, least_ends) = shown
    return Headline(
        unit="return" if scale is None else "expert_normalized",
        mean_over_shifts=mean,
        mean_over_shifts_ci95=list(mean_ends),
        worst_shift=names[worst],
        worst=least,
        worst_ci95=list(least_ends),
    )
