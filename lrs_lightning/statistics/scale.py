"""Where returns lie between a random policy and the expert, and when a ratio of them means much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lrs_lightning.statistics import estimates
from lrs_lightning.statistics.estimates import Array

Interval = tuple[float, float]

LEAST_CLEAN = 0.5
"""Share of the expert's clean return below which a policy's own clean return is no yardstick."""


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


def is_yardstick(mean: float, ends: Interval, references: Mapping[str, float]) -> bool:
    """Whether a clean return can be what shifted ones are shares of.

    A policy that already fails in the clean world has little to lose, and its "retention" runs from
    0 to 10 by the luck of its falls: none is given where its clean return is not positive, below
    half of the expert's, or within the noise of the random policy's. What cannot be compared for
    want of a reference is let pass.

    Args:
        mean: of the clean returns.
        ends: their interval; NaN where it is not known.
        references: mean clean returns `expert` and `random`, where known.
    """
    if not mean > 0:
        return False
    scale = Scale.of(references)
    if scale is not None:
        low = scale.interval(ends)[0]
        return scale.share(mean) >= LEAST_CLEAN and not low <= 0
    random = references.get("random")
    return random is None or not min(ends) <= random if np.isfinite(mean) else False
