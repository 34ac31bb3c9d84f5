"""Shifted worlds: what a policy sees, does, and lives in, changed on purpose and by the book."""

from lrs_lightning.shifts.base import Moment, Shift, ShiftContext
from lrs_lightning.shifts.condition import CLEAN, Component, Condition
from lrs_lightning.shifts.registry import applicable, build, register, shift_types
from lrs_lightning.shifts.registry import without_effect as _without_effect
from lrs_lightning.shifts.schedule import Schedule
from lrs_lightning.shifts.world import ShiftedWorld

__all__ = [
    "CLEAN",
    "Component",
    "Condition",
    "Moment",
    "Schedule",
    "Shift",
    "ShiftContext",
    "ShiftedWorld",
    "applicable",
    "make",
    "register",
    "shift_types",
    "without_effect",
]


def make(condition: Condition | str, context: ShiftContext, rows: int = 1) -> ShiftedWorld:
    """Build the shifts of a condition for N slots.

    Raises:
        LrsError: an unknown shift, a severity out of range, a shift this task does not allow.
    """
    return ShiftedWorld(Condition.parse(condition), context, rows)


def without_effect(condition: Condition | str, context: ShiftContext) -> str | None:
    """Why a condition would be played without any effect in this task, in a sentence.

    Returns:
        The sentence of its first shift that changes nothing; `None` where each may.

    Raises:
        LrsError: a condition that cannot be built at all.
    """
    for part in Condition.parse(condition).components:
        reason = _without_effect(part, build(part, context, 1)) if part.severity else None
        if reason is not None:
            return reason
    return None
