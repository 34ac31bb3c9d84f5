"""Length, shape and finiteness of an array; what is wrong is named by step and channel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.errors import DataError


def check_length(name: str, values: NDArray[Any], steps: int, where: str) -> None:
    """One entry for every step.

    Raises:
        DataError: there are more or fewer.
    """
    count = len(values) if values.ndim else 1
    if count != steps:
        raise DataError(
            f"{where} has {steps} observations and {count} {name}: give one of each for every step"
        )


def check_shape(
    name: str, values: NDArray[Any], expected: tuple[int, ...], where: str, first: str | int = "L"
) -> None:
    """Entries of a shape; `first` is how the sentence calls their number.

    Raises:
        DataError: they have another one.
    """
    if values.shape[1:] != expected:
        verb = "has" if first == 1 else "have"
        raise DataError(
            f"{where}: {name} {verb} shape {values.shape}, expected {(first, *expected)} of this "
            "task"
        )


def check_finite(name: str, values: NDArray[Any], where: str) -> None:
    """Numbers, and no NaN or infinity.

    Raises:
        DataError: names the first that is not finite.
    """
    if values.dtype.kind not in "fiub":
        raise DataError(f"{where}: {name} are of type {values.dtype}, expected numbers")
    refuse_first(
        ~np.isfinite(values), values, f"{where}: {name}", "is not finite: leave the episode out"
    )


def refuse_first(bad: NDArray[np.bool_], values: NDArray[Any], what: str, why: str) -> None:
    """Name the first value that is bad.

    Raises:
        DataError: there is one.
    """
    if not bad.any():
        return
    step, *channel = np.argwhere(bad)[0].tolist()
    place = f"step {step}" + (f", channel {', '.join(map(str, channel))}" if channel else "")
    raise DataError(f"{what} at {place} ({values[(step, *channel)]:g}) {why}")
