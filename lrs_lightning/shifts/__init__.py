"""Shifted worlds: what a policy sees, does, and lives in, changed on purpose and by the book."""

from lrs_lightning.shifts.base import Moment, Shift, ShiftContext
from lrs_lightning.shifts.condition import CLEAN, Component, Condition
from lrs_lightning.shifts.registry import applicable, register, shift_types
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
]


def make(condition: Condition | str, context: ShiftContext, rows: int = 1) -> ShiftedWorld:
    """Build the shifts of a condition for N slots.

    Raises:
        LrsError: an unknown shift, a severity out of range, a shift this task does not allow.
    """
    return ShiftedWorld(Condition.parse(condition), context, rows)
