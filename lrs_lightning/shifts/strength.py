"""How strong a shift may be: its own five strengths, strengths of one's own, all between them.

    mass@3                               the third of the shift's own strengths
    mass[at=1.1:1.3:1.4:1.7:1.9]@3       the third of these
    sensor_delay[at=-:-:-:-:1]@5         there is none for severities 1 to 4

Strengths of one's own are what `calibrate` finds for a task and a policy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lrs_lightning.errors import ArgumentError

OPTION = "at"
"""The option of a condition that replaces a shift's own strengths."""
BETWEEN, NONE = ":", "-"


@dataclass(frozen=True)
class StrengthRange:
    """From where a shift does nothing to where more of it means nothing.

    Args:
        nothing: the strength at which nothing is changed: 0 for noise, 1 for a factor; infinity for
            one that acts by its inverse, such as a number of photons.
        limit: the last strength that means anything, e.g. 1 for a probability; by default four
            times as far from `nothing` as the largest of the shift's own.
        whole: whether there are whole numbers alone.
    """

    nothing: float = 0.0
    limit: float | None = None
    whole: bool = False

    def at(self, place: float, strengths: Sequence[float]) -> float:
        """The strength at a place on the scale of severities, between them by straight lines.

        Args:
            place: 0 does nothing, 1 to K are the strengths, K + 1 is the limit.
            strengths: the shift's own, `(K,)`.
        """
        inverse = math.isinf(self.nothing)
        points = [_inverse(x) if inverse else x for x in (self.nothing, *strengths)]
        far = points[0] + 4 * (points[-1] - points[0])
        points.append(far if self.limit is None else (1 / self.limit if inverse else self.limit))
        place = min(max(place, 0.0), len(points) - 1.0)
        before = min(int(place), len(points) - 2)
        value = points[before] + (place - before) * (points[before + 1] - points[before])
        found = _inverse(value) if inverse else value
        return float(round(found)) if self.whole else float(f"{found:.3g}")

    def refuses(self, strength: float) -> str | None:
        """Why a strength means nothing, in a few words; None where it may mean something."""
        if self.whole and strength != round(strength):
            return "it takes whole numbers"
        if self.limit is None:
            return None
        low, high = sorted((self.nothing, self.limit))
        return None if low <= strength <= high else f"it takes {low:g} to {high:g}"


def parse_strengths(text: object, shift: str) -> tuple[float | None, ...]:
    """Read the value of `at`; None for severities without a strength.

    Raises:
        ArgumentError: a strength that is no number.
    """
    found: list[float | None] = []
    for part in str(text).split(BETWEEN):
        try:
            value = None if part == NONE else float(part)
        except ValueError:
            value = math.nan
        if value is not None and not math.isfinite(value):
            raise ArgumentError(
                f"shift {shift!r}: {OPTION}={text} is no list of strengths; write "
                f"{OPTION}=1.1{BETWEEN}1.2{BETWEEN}1.5, one for each severity, {NONE} for none"
            )
        found.append(value)
    return tuple(found)


def write_strengths(strengths: Sequence[float | None]) -> str:
    """The value of `at` that `parse_strengths` reads."""
    return BETWEEN.join(NONE if value is None else f"{value:g}" for value in strengths)


def strength_of(
    shift: str, own: Sequence[float], options: dict[str, object], severity: int
) -> tuple[float, dict[str, object]]:
    """The strength at a severity, and the options that are left for the shift itself.

    Args:
        shift: its name, for messages.
        own: the shift's own strengths.
        options: of the condition.
        severity: at least 1.

    Raises:
        ArgumentError: there is no such severity, or no strength for it.
    """
    rest = {key: value for key, value in options.items() if key != OPTION}
    every = parse_strengths(options[OPTION], shift) if OPTION in options else tuple(own)
    if not 1 <= severity <= len(every):
        raise ArgumentError(f"shift {shift!r} has severities 0 to {len(every)}, not {severity}")
    strength = every[severity - 1]
    if strength is None:
        there = [str(k) for k, value in enumerate(every, start=1) if value is not None]
        raise ArgumentError(
            f"shift {shift!r} has no strength for severity {severity}, only for "
            f"{', '.join(there) or 'none'}"
        )
    return strength, rest


def _inverse(value: float) -> float:
    return math.inf if value == 0 else 0.0 if math.isinf(value) else 1 / value
