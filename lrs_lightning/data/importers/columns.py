"""From what a map calls columns to the names that a file has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from lrs_lightning.data.importers.file_map import FileMap, Selection
from lrs_lightning.data.picture_layout import looks_like_pictures
from lrs_lightning.errors import DataError, did_you_mean

_SLICE = re.compile(r"(-?\d+)?:(-?\d+)?")
_SEVERAL = re.compile(r"(?P<before>.*)\[(?P<names>[^\[\]]*)\](?P<after>.*)")


def chosen(selection: Selection, names: Sequence[str], where: str) -> list[str]:
    """Names of the columns that a selection means, in its order.

    Args:
        selection: places, slices of places, names, patterns, or `obs/[a, b]` for `obs/a` and
            `obs/b`.
        names: those of the file, in its order.
        where: what a sentence names.

    Raises:
        DataError: there is no such column, or it is chosen twice.
    """
    parts = selection if isinstance(selection, list) else [selection]
    found = [name for part in parts for name in _one(part, names, where)]
    twice = next((name for name in found if found.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{where}: column {twice!r} is chosen twice by {selection!r}")
    return found


def _one(part: str | int, names: Sequence[str], where: str) -> list[str]:
    if isinstance(part, int):
        if not -len(names) <= part < len(names):
            raise DataError(f"{where} has {len(names)} columns, and none at place {part}")
        return [names[part]]
    if part in names:
        return [part]
    if match := _SLICE.fullmatch(part):
        first, last = (None if end is None else int(end) for end in match.groups())
        return _some(list(names[first:last]), part, names, where)
    if match := _SEVERAL.fullmatch(part):
        inner = [name.strip() for name in match["names"].split(",")]
        each = [f"{match['before']}{name}{match['after']}" for name in inner if name]
        return [name for one in each for name in _one(one, names, where)]
    return _some([name for name in names if fnmatchcase(name, part)], part, names, where)


def _some(found: list[str], part: str, names: Sequence[str], where: str) -> list[str]:
    if not found:
        shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
        raise DataError(f"{where} has no column {part!r}{did_you_mean(part, names)} It has {shown}")
    return found


def by_name(map: FileMap, names: Sequence[str], where: str) -> FileMap:
    """The same map with names for places, which a reader may then leave other columns out of.

    Args:
        map: what the columns mean.
        names: those of the file, in its order.
        where: what a sentence names.

    Raises:
        DataError: there is no column at a place.
    """

    def several(selection: Selection) -> Selection:
        parts = selection if isinstance(selection, list) else [selection]
        if not any(_is_place(part, names) for part in parts):
            return selection
        return [*chosen(selection, names, where)]

    def one(selection: str | int | None) -> str | None:
        return chosen(selection, names, where)[0] if isinstance(selection, int) else selection

    labels, by = map.labels, map.episode.by
    alone = ("terminated", "truncated", "success", "time")
    return replace(
        map,
        observations=replace(map.observations, columns=several(map.observations.columns)),
        actions=replace(map.actions, columns=several(map.actions.columns)),
        labels=labels
        if isinstance(labels, str)
        else replace(labels, columns=several(labels.columns)),
        rewards=replace(map.rewards, column=one(map.rewards.column)),
        episode=map.episode if isinstance(by, list) else replace(map.episode, by=one(by)),
        **{name: one(getattr(map, name)) for name in alone},
    )


def _is_place(part: str | int, names: Sequence[str]) -> bool:
    return isinstance(part, int) or (part not in names and bool(_SLICE.fullmatch(part)))


def needed_columns(map: FileMap, names: Sequence[str], where: str) -> list[str]:
    """All columns that a map reads, in the order of the file.

    Raises:
        DataError: one is not there.
    """
    selections: list[Selection | None] = [map.observations.columns, map.actions.columns]
    selections += [map.terminated, map.truncated, map.success, map.time]
    if not isinstance(map.labels, str):
        selections.append(map.labels.columns)
    if map.rewards.kind != "none":
        selections.append(map.rewards.column)
    if map.episode.by != "file":
        selections.append(_listed(map.episode.by))
    wanted = {
        name
        for selection in selections
        if selection is not None
        for name in chosen(selection, names, where)
    }
    return [name for name in names if name in wanted]


def _listed(by: str | int | list[str]) -> Selection:
    return list(by) if isinstance(by, list) else by


def side_by_side(arrays: Sequence[NDArray[np.generic]], where: str) -> NDArray[np.generic]:
    """Columns `(L,)` and arrays `(L, ...)` as one `(L, channels)`; a single one of frames as is.

    Raises:
        DataError: a picture is among several.
    """
    if len(arrays) == 1 and arrays[0].ndim != 1:
        return arrays[0]
    if any(looks_like_pictures(array.shape[1:], array.dtype) for array in arrays):
        raise DataError(
            f"{where}: a picture beside other observations, which no policy reads together: "
            "choose one picture, or the numbers, with --map map.yaml (observations: {columns: ...})"
        )
    return np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1)
