"""From rows of columns to episodes: cut apart, aligned, and named as the map says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.data.importers.columns import chosen, side_by_side
from lrs_lightning.data.importers.file_map import FileMap, Rewards, Selection
from lrs_lightning.errors import DataError

Array = NDArray[Any]
Columns = dict[str, Array]
FLAGS = ("done", "terminated", "truncated")
"""Names of columns that mark the last step of an episode, where they stand alone."""


@dataclass(frozen=True)
class Table:
    """Some rows of a file.

    Args:
        file: what a sentence names.
        columns: name -> numbers, `(L,)` or `(L, ...)`.
        begins: whether it is not the continuation of the table before.
        entries: further entries of the episode, as `episode_from_arrays` takes them; of formats
            that keep an episode a table.
    """

    file: str
    columns: Columns
    begins: bool = True
    entries: dict[str, Any] | None = None


def episodes_of(tables: Iterable[Table], map: FileMap) -> Iterator[tuple[str, dict[str, Any]]]:
    """Episodes as mappings of arrays, and how a sentence names each.

    Raises:
        DataError: a column is missing, or too few rows are left of an episode.
    """
    for where, columns, entries in _cut(tables, map):
        yield where, {**_meant(columns, map, where), **(entries or {})}


def _cut(
    tables: Iterable[Table], map: FileMap
) -> Iterator[tuple[str, Columns, dict[str, Any] | None]]:
    """Rows of one episode after another; one may go on from table to table."""
    open_parts: list[Columns] = []
    where, entries = "", None
    for table in tables:
        pieces = _pieces(table, map)
        for number, (name, columns, ended) in enumerate(pieces):
            goes_on = number == 0 and not table.begins and name == where
            if open_parts and not goes_on:
                yield where, _joined(open_parts), entries
                open_parts = []
            where, entries = name, table.entries
            open_parts.append(columns)
            if ended:
                yield where, _joined(open_parts), entries
                open_parts, where = [], ""
    if open_parts:
        yield where, _joined(open_parts), entries


def _pieces(table: Table, map: FileMap) -> list[tuple[str, Columns, bool]]:
    """Parts of a table: name of the episode, rows, and whether it ends with them."""
    by = map.episode.by
    if by == "file":
        return [(table.file, table.columns, False)]
    _check_equal(table)
    if isinstance(by, list) or by in FLAGS:
        return _until_flagged(table, by if isinstance(by, list) else [by])
    (name,) = chosen(by, list(table.columns), table.file)
    values = table.columns[name].reshape(-1)
    starts = np.flatnonzero(np.diff(values, prepend=values[:1] - 1) != 0).tolist()
    return [
        (f"{table.file}, episode {values[a]:g}", _rows(table.columns, a, b), False)
        for a, b in zip(starts, [*starts[1:], len(values)], strict=True)
    ]


def _until_flagged(table: Table, flags: list[Any]) -> list[tuple[str, Columns, bool]]:
    """Parts that end with a row in which any flag is set."""
    names = [name for flag in flags for name in chosen(flag, list(table.columns), table.file)]
    ended = np.any([table.columns[name].reshape(-1) != 0 for name in names], axis=0)
    ends = (np.flatnonzero(ended) + 1).tolist()
    stops = sorted({*ends, len(ended)})
    return [
        (table.file, _rows(table.columns, start, stop), stop in ends)
        for start, stop in zip([0, *stops[:-1]], stops, strict=True)
        if stop > start
    ]


def _check_equal(table: Table) -> None:
    lengths = {name: len(values) for name, values in table.columns.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise DataError(f"{table.file}: columns have different lengths ({shown})")


def _rows(columns: Columns, start: int, stop: int) -> Columns:
    return {name: values[start:stop] for name, values in columns.items()}


def _joined(parts: list[Columns]) -> Columns:
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part.pop(name) for part in parts]) for name in list(parts[0])}


def _meant(columns: Columns, map: FileMap, where: str) -> dict[str, Any]:
    """Entries as `episode_from_arrays` takes them."""
    names = list(columns)

    def select(selection: Selection) -> Array:
        return side_by_side([columns[name] for name in chosen(selection, names, where)], where)

    def one(selection: Selection | None) -> Array | None:
        return None if selection is None else select(selection).reshape(-1)

    found = {
        "observations": select(map.observations.columns),
        "actions": select(map.actions.columns),
        "labels": None if isinstance(map.labels, str) else select(map.labels.columns),
        "rewards": _rewards(one(map.rewards.column), map.rewards),
        "terminated": one(map.terminated),
        "truncated": one(map.truncated),
        "success": one(map.success),
        "time": one(map.time),
    }
    kept = {name: values for name, values in found.items() if values is not None}
    return _aligned(_dropped(kept, map, where), map, where)


def _rewards(column: Array | None, map: Rewards) -> Array | None:
    if column is None or map.kind == "none":
        return None
    if map.kind == "cumulative":
        return np.diff(column, prepend=column.dtype.type(0))
    return column


def _dropped(arrays: Columns, map: FileMap, where: str) -> Columns:
    """Without the rows at the ends that the map leaves out."""
    first, last = map.drop.first, map.drop.last
    if not first and not last:
        return arrays
    if min(map_len(arrays)) <= first + last:
        raise DataError(f"{where} has {min(map_len(arrays))} rows, and {first + last} are dropped")
    return {name: values[first : len(values) - last] for name, values in arrays.items()}


def map_len(arrays: Columns) -> list[int]:
    """Length of each array."""
    return [len(values) for values in arrays.values()]


def _aligned(arrays: Columns, map: FileMap, where: str) -> Columns:
    """With the action that follows each observation at its side; the last one may have none."""
    seen = {"observations", "time"}
    equal = len(set(map_len(arrays))) == 1
    if map.alignment == "obs_before_action" or (map.alignment == "T+1" and not equal):
        return arrays
    if min(map_len(arrays)) < 2:
        raise DataError(f"{where} has a single row: at least two are needed to align it")
    if map.alignment == "T+1":  # the last row has an observation and no action
        return {k: v if k in seen else v[:-1] for k, v in arrays.items()}
    # A row holds an action and what was seen after it: the next row's action answers that.
    return {k: v if k in seen else v[1:] for k, v in arrays.items()}
