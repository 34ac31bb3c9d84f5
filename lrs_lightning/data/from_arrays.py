"""One episode out of the arrays that a user has: the aligned form that a store keeps.

Most recordings have T + 1 observations for T actions: the last was seen, and not acted on. Some
have T. Both are taken, and nothing else, since a shift by one step trains without any complaint.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.data.demonstration import Demonstration, Ending, Origin
from lrs_lightning.data.picture_layout import Layout, frames_for, refuse_float_pictures
from lrs_lightning.data.task import Task
from lrs_lightning.errors import DataError, did_you_mean

Array = NDArray[Any]

KEYS = (
    "observations",
    "actions",
    "labels",
    "rewards",
    "terminated",
    "truncated",
    "time",
    "success",
    "infos",
    "origin",
)
"""What an episode may have; only observations and actions are needed."""


def episode_from_arrays(
    arrays: Mapping[str, Any], task: Task, where: str, layout: Layout | None = None
) -> Demonstration:
    """Align the arrays of one episode.

    Args:
        arrays: `observations (T or T+1, ...)` and `actions (T, A)` or `(T,)`; and any of `labels`
            (what is to be learned; the actions where absent), `rewards (T,)` (zero), `terminated`
            and `truncated` (a flag, or one for each step), `time (T or T+1,)` in seconds, `success`
            (a flag, or one for each step), `infos` (name -> numbers of each step), `origin` (an
            `Origin`, or a mapping).
        task: what it is an episode of.
        where: what a sentence names.
        layout: the order of the axes of pictures; None for the one that fits the task.

    Returns:
        The episode; its numbers are not checked yet (`check_episode`).

    Raises:
        DataError: a key is missing or unknown, or observations and actions do not belong together.
    """
    _check_keys(arrays, where)
    actions = _fitted(_array(arrays, "actions", where), task)
    steps = len(actions)
    whole = observations_for(_array(arrays, "observations", where), task, where, layout)
    seen, final = _split(whole, steps, where)
    labels = arrays.get("labels")
    rewards = arrays.get("rewards")
    return Demonstration(
        observations=seen,
        actions=actions,
        labels=actions if labels is None else _fitted(_array(arrays, "labels", where), task),
        rewards=np.zeros(steps, np.float32)
        if rewards is None
        else _column(_array(arrays, "rewards", where)),
        origin=_origin(arrays.get("origin"), where),
        final=final,
        time=None if arrays.get("time") is None else _column(_array(arrays, "time", where)),
        ending=Ending(
            terminated=_at_end("terminated", arrays.get("terminated"), steps, where),
            truncated=_at_end("truncated", arrays.get("truncated"), steps, where),
            success=_ever(arrays.get("success")),
        ),
        infos=_flat(arrays.get("infos") or {}),
    )


def _check_keys(arrays: Mapping[str, Any], where: str) -> None:
    for name in arrays:
        if name not in KEYS:
            raise DataError(
                f"{where} has an entry {name!r}{did_you_mean(name, KEYS)} Known are "
                f"{', '.join(KEYS)}; anything else goes into infos"
            )
    for name in KEYS[:2]:
        if arrays.get(name) is None:
            raise DataError(f"{where} has no {name}: give an array of them")


def _array(arrays: Mapping[str, Any], name: str, where: str) -> Array:
    if isinstance(arrays[name], Mapping):
        parts = ", ".join(map(str, arrays[name]))
        raise DataError(
            f"{where}: {name} are a mapping of {parts}, expected one array: put numbers side by "
            "side with numpy.concatenate, in the order of Gymnasium's FlattenObservation, or give "
            "one picture alone"
        )
    try:
        values = np.asarray(arrays[name])
    except ValueError as error:  # lists of different lengths
        raise DataError(f"{where}: {name} are no array ({error})") from None
    if values.dtype.kind not in "fiub":
        raise DataError(f"{where}: {name} are of type {values.dtype}, expected numbers")
    if values.ndim == 0:
        raise DataError(f"{where}: {name} are a single value: give one for each step")
    return values


def observations_for(values: Array, task: Task, where: str, layout: Layout | None = None) -> Array:
    """Observations `(L, ...)` in the shape of the task: pictures upright, matrices as vectors.

    Raises:
        DataError: pictures as floats, or a layout of another number of axes.
    """
    if task.pixels:
        return frames_for(values, task.observation_shape, layout, where)
    refuse_float_pictures(values.shape[1:], values.dtype, where)
    size = math.prod(values.shape[1:])
    if values.shape[1:] != task.observation_shape == (size,):  # (L,) -> (L, 1), too
        return values.reshape(len(values), size)  # in the order of Gymnasium's FlattenObservation
    return values


def _split(seen: Array, steps: int, where: str) -> tuple[Array, Array | None]:
    """What was acted on, and what was seen at last."""
    if len(seen) not in (steps, steps + 1):
        short = len(seen) == steps - 1
        raise DataError(
            f"{where} has {len(seen)} observations and {steps} actions: expected {steps}, or "
            f"{steps + 1} with the one after the last action"
            + ("; is the first or the last observation missing?" if short else "")
        )
    return seen[:steps], seen[steps:] if len(seen) > steps else None


def _fitted(actions: Array, task: Task) -> Array:
    """`(T, 1)` of discrete actions as `(T,)`, and the other way round for a box of one."""
    if task.actions is not None:
        return _column(actions)
    if actions.ndim == 1 and len(task.action_low) == 1:
        return actions[:, None]
    return actions


def _column(values: Array) -> Array:
    return values[:, 0] if values.shape[1:] == (1,) else values


def _at_end(name: str, flags: Any, steps: int, where: str) -> bool | None:
    """A flag of the episode, or of each step, of which only the last may be set."""
    if flags is None:
        return None
    given = np.asarray(flags).reshape(-1).astype(bool)
    if np.ndim(flags) == 0:
        return bool(given[0])
    if len(given) != steps:
        raise DataError(f"{where} has {steps} actions and {len(given)} flags {name!r}")
    early = np.flatnonzero(given[:-1])
    if len(early):
        raise DataError(
            f"{where} is {name} at step {early[0]} of {steps}: split it there into episodes"
        )
    return bool(given[-1]) if steps else False


def _ever(flags: Any) -> bool | None:
    return None if flags is None else bool(np.any(np.asarray(flags).astype(bool)))


def _origin(origin: Any, where: str) -> Origin:
    if origin is None:
        return Origin(actor=where, labeller=where)
    return origin if isinstance(origin, Origin) else Origin.from_dict(origin)


def _flat(infos: Mapping[str, Any]) -> dict[str, Array]:
    """Mappings in mappings as one, with names such as `reward/forward`."""
    return dict(_leaves(infos, ""))


def _leaves(infos: Mapping[str, Any], above: str) -> Iterator[tuple[str, Array]]:
    for name, values in infos.items():
        if isinstance(values, Mapping):
            yield from _leaves(values, f"{above}{name}/")
        else:
            yield f"{above}{name}", np.asarray(values)
