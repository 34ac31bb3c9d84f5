"""Whether actions are those of a task: within a box, or among the discrete ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.data.array_checks import check_finite, check_shape, refuse_first
from lrs_lightning.data.task import Task
from lrs_lightning.errors import DataError

# Bounds are float32 and numbers may have come through text: a rounding is no fault.
_TOLERANCE = 1e-5


def check_actions(name: str, values: NDArray[Any], task: Task, where: str) -> None:
    """Refuse what the task cannot execute.

    Raises:
        DataError: of another shape or type, not finite, or out of bounds; where the numbers look as
            if they were written in another way (one-hot, from 1), the sentence says so.
    """
    if task.actions is None:
        _check_box(name, values, task, where)
    else:
        known = range(task.action_start, task.action_start + task.actions)
        _check_discrete(name, values, known, where)


def _check_box(name: str, values: NDArray[Any], task: Task, where: str) -> None:
    check_shape(name, values, (len(task.action_low),), where)
    check_finite(name, values, where)
    low, high = np.array(task.action_low), np.array(task.action_high)
    slack = _TOLERANCE * np.maximum(1.0, np.where(np.isfinite(high - low), high - low, 1.0))
    beyond = (values < low - slack) | (values > high + slack)  # (L, A)
    refuse_first(beyond, values, f"{where}: {name}", f"is out of the bounds of {task.env}: clip it")


def _check_discrete(name: str, values: NDArray[Any], known: range, where: str) -> None:
    span = f"{known.start} to {known.stop - 1}"
    if _one_hot(values, len(known)):
        raise DataError(
            f"{where}: {name} are one-hot, expected the numbers of actions, {span}: take "
            f"{'argmax(axis=1)' if known.start == 0 else f'argmax(axis=1) + {known.start}'}"
        )
    check_shape(name, values, (), where)
    if values.dtype.kind not in "iu":
        raise DataError(
            f"{where}: {name} are of type {values.dtype}, expected the numbers of actions, {span}"
        )
    beyond = (values < known.start) | (values >= known.stop)
    why = f"is no action: expected {span}"
    if beyond.any():
        why += _other_start(int(values.min()), int(values.max()), known)
    refuse_first(beyond, values, f"{where}: {name}", why)


def _one_hot(values: NDArray[Any], count: int) -> bool:
    if count < 2 or values.shape[1:] != (count,) or values.dtype.kind not in "fiub":
        return False
    return bool(np.all((values == 0) | (values == 1)) and np.all(values.sum(axis=1) == 1))


def _other_start(lowest: int, highest: int, known: range) -> str:
    """What to do where all numbers would be actions if they were counted from elsewhere."""
    if lowest > known.start and highest == known.stop:
        return "; they seem to be counted from one more: subtract 1"
    if lowest == 0 and highest < len(known):
        return f"; they seem to be counted from 0: add {known.start}"
    return ""
