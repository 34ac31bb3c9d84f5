"""When a shift acts within an episode: from a step on, rising slowly, or coming and going."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.errors import ArgumentError


@dataclass(frozen=True)
class Schedule:
    """The level of a shift over the steps of an episode: 0 is clean, 1 its full severity.

    Raises:
        ArgumentError: for a negative step count or a duty outside (0, 1].
    """

    onset: int = 0
    """First step at which the shift acts."""
    ramp: int = 0
    """Steps from the onset until full severity, linearly; 0 is at once."""
    period: int = 0
    """Length in steps of an on-off cycle, which starts at the onset with "on"; 0 is always on."""
    duty: float = 0.5
    """Share of a cycle that is on."""

    def __post_init__(self) -> None:
        for name in ("onset", "ramp", "period"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 0:
                raise ArgumentError(f"{name}: {value!r} is not a number of steps (0, 1, 2, ...)")
        if not 0 < self.duty <= 1:
            raise ArgumentError(f"duty: {self.duty} is not the share of a cycle: give (0, 1]")

    @property
    def constant(self) -> bool:
        """Whether the level is 1 throughout."""
        return self.onset == 0 and self.ramp == 0 and (self.period == 0 or self.duty == 1)

    def level(self, times: NDArray[np.int64]) -> NDArray[np.float64]:
        """Levels in [0, 1] at the steps `times (n,)`."""
        since = times - self.onset
        level = np.minimum((since + 1) / (self.ramp + 1), 1.0)
        on = since >= 0
        if self.period:
            on &= np.mod(since, self.period) < self.duty * self.period
        return np.where(on, level, 0.0)


ALWAYS = Schedule()
SCHEDULE_KEYS = tuple(field.name for field in fields(Schedule))
