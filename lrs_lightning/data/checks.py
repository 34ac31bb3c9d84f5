"""Whether an episode is one of its task: told before it is stored, in one sentence.

What a store lets in is trained on: a NaN label, observations that are one step ahead, or actions of
another robot make no noise later, only a bad policy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.data.demonstration import Demonstration
from lrs_lightning.data.task import Task
from lrs_lightning.errors import DataError

# Bounds are float32 and numbers may have come through text: a rounding is no fault.
_TOLERANCE = 1e-5


def check_episode(episode: Demonstration, task: Task, where: str) -> None:
    """Refuse what is not an episode of the task.

    Args:
        episode: the episode.
        task: whose spaces it must fit.
        where: what the sentence names, e.g. `"demos/03.npz"` or `"episode 3"`.

    Raises:
        DataError: no step, arrays of other lengths or widths, numbers that are not finite, actions
            out of bounds or not among the discrete ones; names the array, step and channel.
    """
    steps = len(episode)
    if steps == 0:
        raise DataError(f"{where} has no steps: leave it out")
    _check_observations(episode, task, where)
    for name in ("actions", "labels"):
        values = np.asarray(getattr(episode, name))
        _check_length(name, values, steps, where)
        if task.actions is None:
            _check_box(name, values, task, where)
        else:
            first = task.action_start
            _check_discrete(name, values, range(first, first + task.actions), where)
    rewards = np.asarray(episode.rewards)
    _check_length("rewards", rewards, steps, where)
    _check_shape("rewards", rewards, (), where)
    _check_finite("rewards", rewards, where)
    with np.errstate(over="ignore"):
        earned = episode.return_
    if not np.isfinite(earned):
        raise DataError(f"{where}: the rewards add up to {earned}: scale them down")


def _check_observations(episode: Demonstration, task: Task, where: str) -> None:
    seen = episode.observations
    if task.pixels:  # each frame once; read slice by slice, never as a whole
        expected = (1, *task.observation_shape[1:])
        if seen.dtype != np.uint8 or tuple(seen.shape[1:]) != expected:
            raise DataError(
                f"{where}: observations have shape {tuple(seen.shape)} of {seen.dtype}, expected "
                f"uint8 frames {('L', *expected)}, each frame once"
            )
        _check_before(episode.before, expected, where)
        return
    values = np.asarray(seen)
    _check_shape("observations", values, task.observation_shape, where)
    _check_finite("observations", values, where)


def _check_before(before: Any, expected: tuple[int, ...], where: str) -> None:
    if before is None:
        return
    seen = np.asarray(before)
    if seen.dtype != np.uint8 or seen.shape[1:] != expected:
        raise DataError(
            f"{where}: the frames before it have shape {seen.shape} of {seen.dtype}, expected "
            f"uint8 frames {('K', *expected)}"
        )


def _check_length(name: str, values: NDArray[Any], steps: int, where: str) -> None:
    if len(values) != steps:
        raise DataError(
            f"{where} has {steps} observations and {len(values)} {name}: give one of each for "
            "every step"
        )


def _check_shape(name: str, values: NDArray[Any], expected: tuple[int, ...], where: str) -> None:
    if values.shape[1:] != expected:
        raise DataError(
            f"{where}: {name} have shape {values.shape}, expected {('L', *expected)} of this task"
        )


def _check_finite(name: str, values: NDArray[Any], where: str) -> None:
    if values.dtype.kind not in "fiub":
        raise DataError(f"{where}: {name} are of type {values.dtype}, expected numbers")
    _refuse(
        ~np.isfinite(values), values, f"{where}: {name}", "is not finite: leave the episode out"
    )


def _check_box(name: str, values: NDArray[Any], task: Task, where: str) -> None:
    _check_shape(name, values, (len(task.action_low),), where)
    _check_finite(name, values, where)
    low, high = np.array(task.action_low), np.array(task.action_high)
    slack = _TOLERANCE * np.maximum(1.0, np.where(np.isfinite(high - low), high - low, 1.0))
    beyond = (values < low - slack) | (values > high + slack)  # (L, A)
    _refuse(beyond, values, f"{where}: {name}", f"is out of the bounds of {task.env}: clip it")


def _check_discrete(name: str, values: NDArray[Any], known: range, where: str) -> None:
    _check_shape(name, values, (), where)
    if values.dtype.kind not in "iu":
        raise DataError(
            f"{where}: {name} are of type {values.dtype}, expected the numbers of actions, "
            f"{known.start} to {known.stop - 1}"
        )
    beyond = (values < known.start) | (values >= known.stop)
    _refuse(
        beyond,
        values,
        f"{where}: {name}",
        f"is no action: expected {known.start} to {known.stop - 1}",
    )


def _refuse(bad: NDArray[np.bool_], values: NDArray[Any], what: str, why: str) -> None:
    """Name the first value that is bad."""
    if not bad.any():
        return
    step, *channel = np.argwhere(bad)[0].tolist()
    place = f"step {step}" + (f", channel {', '.join(map(str, channel))}" if channel else "")
    raise DataError(f"{what} at {place} ({values[(step, *channel)]:g}) {why}")
