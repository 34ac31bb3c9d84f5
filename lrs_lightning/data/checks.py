"""Whether an episode is one of its task: told before it is stored, in one sentence.

What a store lets in is trained on: a NaN label, observations that are one step ahead, or actions of
another robot make no noise later, only a bad policy. What is allowed and yet looks wrong:
`data/findings/`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.data.actions_check import check_actions
from lrs_lightning.data.array_checks import check_finite, check_length, check_shape, refuse_first
from lrs_lightning.data.demonstration import Demonstration
from lrs_lightning.data.picture_layout import which_is_sideways
from lrs_lightning.data.task import Task
from lrs_lightning.errors import DataError

Shape = tuple[int, ...]


def check_episode(episode: Demonstration, task: Task, where: str) -> None:
    """Refuse what is not an episode of the task.

    Args:
        episode: the episode.
        task: whose spaces it must fit.
        where: what the sentence names, e.g. `"demos/03.npz"` or `"episode 3"`.

    Raises:
        DataError: no step, arrays of other lengths or widths, numbers that are not finite, actions
            out of bounds or not among the discrete ones, a clock that does not go on; names the
            array, step and channel.
    """
    steps = len(episode)
    if steps == 0:
        raise DataError(f"{where} has no steps: leave it out")
    _check_observations(episode, task, where)
    for name in ("actions", "labels"):
        values = np.asarray(getattr(episode, name))
        check_length(name, values, steps, where)
        check_actions(name, values, task, where)
    rewards = np.asarray(episode.rewards)
    check_length("rewards", rewards, steps, where)
    check_shape("rewards", rewards, (), where)
    check_finite("rewards", rewards, where)
    with np.errstate(over="ignore"):
        earned = episode.return_
    if not np.isfinite(earned):
        raise DataError(f"{where}: the rewards add up to {earned}: scale them down")
    _check_time(episode.time, steps, where)
    for name, info in episode.infos.items():
        _check_info(name, np.asarray(info), steps, where)


def _check_observations(episode: Demonstration, task: Task, where: str) -> None:
    seen = episode.observations
    if task.pixels:  # read slice by slice, never as a whole
        expected = (1, *task.observation_shape[1:])  # each frame once, or as it was seen
        if tuple(np.shape(seen)[1:]) == task.observation_shape:
            expected = task.observation_shape
        shape = task.observation_shape
        _check_frames("observations", seen, "L", expected, shape, where)
        _check_frames("the frames before it", episode.before, "K", expected, shape, where)
        _check_frames("the final observation", episode.final, 1, expected, shape, where)
        return
    values = np.asarray(seen)
    check_shape("observations", values, task.observation_shape, where)
    check_finite("observations", values, where)
    if episode.final is not None:
        final = np.asarray(episode.final)
        _check_one(final, where)
        check_shape("the final observation", final, task.observation_shape, where, first=1)
        check_finite("the final observation", final, where)


def _check_frames(
    name: str, frames: Any, count: str | int, expected: Shape, of_task: Shape, where: str
) -> None:
    if frames is None:
        return
    frames = frames if hasattr(frames, "dtype") else np.asarray(frames)
    shape = tuple(frames.shape)
    if frames.dtype == np.uint8 and shape[1:] == expected and count in ("L", "K", shape[0]):
        return
    verb = "has" if count == 1 else "have"
    once = ", each frame once" if expected[0] == 1 else ""
    raise DataError(
        f"{where}: {name} {verb} shape {shape} of {frames.dtype}, expected uint8 frames "
        f"{(count, *expected)}{once}{_other_layout(shape[1:], expected, of_task)}"
    )


def _other_layout(found: Shape, expected: Shape, of_task: Shape) -> str:
    """What a shape looks like that has the right numbers in another order."""
    sizes = tuple(size for size in expected if size != 1)
    if found != expected and tuple(size for size in found if size != 1) == sizes:
        return "; the axis of channels stands elsewhere: move it to the front"
    layout = which_is_sideways(found, of_task)
    if found != expected and (layout or sorted(found) == sorted(expected)):
        told = f" (image: {{layout: {layout}}} in a map)" if layout else ""
        return f"; height and width are exchanged: transpose the frames{told}"
    return ""


def _check_one(final: NDArray[Any], where: str) -> None:
    if len(final) != 1:
        raise DataError(f"{where}: there are {len(final)} final observations, expected one")


def _check_time(time: NDArray[Any] | None, steps: int, where: str) -> None:
    if time is None:
        return
    seconds = np.asarray(time)
    if len(seconds) != steps + 1:
        check_length("times", seconds, steps, where)
    check_shape("times", seconds, (), where)
    check_finite("times", seconds, where)
    back = np.concatenate([[False], np.diff(seconds) <= 0])
    refuse_first(back, seconds, f"{where}: the time", "is not after the one before: sort the steps")


def _check_info(name: str, values: NDArray[Any], steps: int, where: str) -> None:
    if values.dtype.kind not in "fiub":
        raise DataError(
            f"{where}: info {name!r} is of type {values.dtype}, expected numbers: leave it out"
        )
    if values.ndim == 0 or len(values) not in (steps, steps + 1):
        raise DataError(
            f"{where}: info {name!r} has shape {values.shape}, expected one entry for each of the "
            f"{steps} steps, or one more"
        )
