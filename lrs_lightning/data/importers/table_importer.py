"""What formats of columns have in common: a map says which is what, and it may be guessed."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from lrs_lightning.data.checks import check_episode
from lrs_lightning.data.demonstration import Demonstration
from lrs_lightning.data.findings import Finding
from lrs_lightning.data.from_arrays import episode_from_arrays
from lrs_lightning.data.importers._pictures import lossy_finding
from lrs_lightning.data.importers.assembling import Table, episodes_of
from lrs_lightning.data.importers.base import Importer
from lrs_lightning.data.importers.columns import by_name
from lrs_lightning.data.importers.file_map import Actions, FileMap, Image, as_plain
from lrs_lightning.data.importers.guessing import guess_map
from lrs_lightning.data.picture_layout import (
    Layout,
    check_layout,
    looks_like_pictures,
    picture_space,
    refuse_float_pictures,
)
from lrs_lightning.data.task import NO_ENV, Task
from lrs_lightning.errors import ArgumentError, DataError


@dataclass(frozen=True)
class TableImporter(Importer):
    """A format whose files have named columns or arrays.

    Args:
        map: what they mean; guessed from their names where None.
    """

    describes_itself: ClassVar[bool] = False
    """Whether the files say what they are of, so that nobody has to name an environment."""

    map: FileMap | None = None

    @abstractmethod
    def tables(self, source: Path, map: FileMap | None) -> Iterator[Table]:
        """Rows, file by file; only the columns that the map reads, if there is one."""

    def read_map(self, source: Path, env: str | None) -> FileMap:
        """The map that was told, or what the names suggest.

        Raises:
            DataError: they suggest nothing.
        """
        if self.map is not None:
            return self.map
        return guess_map(self.columns(source), env, str(source))

    def _named_map(self, source: Path, env: str | None) -> FileMap:
        """The map without places: those of the file, and not of what is read of it."""
        map = self.read_map(source, env)
        return map if self.map is None else by_name(map, list(self.columns(source)), str(source))

    def columns(self, source: Path) -> dict[str, tuple[int, ...]]:
        """Name -> shape of one entry, of the first table.

        Raises:
            DataError: the source is empty.
        """
        for table in self.tables(source, None):
            return {name: values.shape[1:] for name, values in table.columns.items()}
        raise DataError(f"{source} has no rows: give a file of demonstrations")

    def task(self, source: Path, env: str | None) -> Task:
        """The environment's, or that of the first episode."""
        if env != NO_ENV and not (env is None and self.describes_itself):
            return super().task(source, env)
        map = self._named_map(source, env)
        for where, arrays in episodes_of(self.tables(source, map), map):
            return _task_of(arrays, map, where)
        raise DataError(f"{source} has no episodes")

    def episodes(self, source: Path, task: Task) -> Iterator[Demonstration]:
        """Read one after another."""
        map = self._named_map(source, task.env)
        for where, arrays in episodes_of(self.tables(source, map), map):
            fitted = _fitted(arrays, map, task, where)
            episode = episode_from_arrays(fitted, task, where, _layout(map))
            check_episode(episode, task, where)
            yield episode

    def findings(self, source: Path, env: str | None) -> list[Finding]:
        """What the map itself says is wrong."""
        lossy = self.map is not None and self.map.image is not None and self.map.image.lossy
        return [lossy_finding("all episodes", "the map says so")] if lossy else []

    def about(self) -> dict[str, Any]:
        """What the columns meant."""
        return {} if self.map is None else {"map": as_plain(self.map)}


def _task_of(arrays: dict[str, Any], map: FileMap, where: str) -> Task:
    """Spaces of data without an environment."""
    space = _seen(np.asarray(arrays["observations"]), map, where)
    actions = np.asarray(arrays["actions"])
    if map.discrete is not None and map.discrete.n is not None:
        return Task.of(NO_ENV, space, gym.spaces.Discrete(map.discrete.n))
    if map.discrete is not None or actions.dtype.kind in "iu":
        raise ArgumentError(
            f"{where}: actions are discrete: say how many there are, in the map: "
            "discrete: {n: 4}, or name the environment with --env"
        )
    width = actions.shape[1] if actions.ndim > 1 else 1
    low, high = (
        _bound(getattr(map.actions, name), open_end, width, where)
        for name, open_end in (("low", -np.inf), ("high", np.inf))
    )
    return Task.of(NO_ENV, space, gym.spaces.Box(low, high, (width,), np.float32))


def _seen(seen: NDArray[Any], map: FileMap, where: str) -> gym.spaces.Box[Any]:
    """Pictures with their channels first, grey ones stacked; any other numbers as one vector."""
    shape, image = seen.shape[1:], map.image or Image()
    if looks_like_pictures(shape, seen.dtype):
        check_layout(shape, image.layout, where)
        space = picture_space(shape, image.layout)
        if space.shape[0] > 1:
            return space
        return gym.spaces.Box(0, 255, (image.stack, *space.shape[1:]), np.uint8)
    refuse_float_pictures(shape, seen.dtype, where)
    return gym.spaces.Box(-np.inf, np.inf, (math.prod(shape),), np.float32)


def _layout(map: FileMap) -> Layout | None:
    return None if map.image is None else map.image.layout


def _bound(given: Any, open_end: float, width: int, where: str) -> NDArray[np.float32]:
    ends = np.asarray(open_end if given is None else given, np.float32)
    if ends.shape not in ((), (width,)):
        raise DataError(f"{where}: {ends.size} bounds are given for {width} actions")
    return np.broadcast_to(ends, (width,)).copy()


def _fitted(arrays: dict[str, Any], map: FileMap, task: Task, where: str) -> dict[str, Any]:
    """With frames, discrete numbers and bounds as the task has them."""
    fitted, seen = dict(arrays), np.asarray(arrays["observations"])
    if not task.pixels and seen.ndim == 2 and seen.shape[1:] != task.observation_shape:
        raise DataError(
            f"{where}: the map chooses {seen.shape[1]} columns of observations and the task "
            f"{task.env} shows {task.observation_shape}"
        )
    for name in ("actions", "labels"):
        if name in arrays:
            values = np.asarray(arrays[name])
            if task.actions is None:
                fitted[name] = _within(values, map.actions, task)
            else:
                fitted[name] = _numbered(name, values, map, task, where)
    return fitted


def _within(values: NDArray[Any], map: Actions, task: Task) -> NDArray[Any]:
    if map.outside == "clip" and values.ndim == 2 and values.shape[1] == len(task.action_low):
        clipped: NDArray[Any] = np.clip(
            values, np.array(task.action_low), np.array(task.action_high)
        )
        return clipped
    return values


def _numbered(
    name: str, values: NDArray[Any], map: FileMap, task: Task, where: str
) -> NDArray[Any]:
    """Discrete actions as the task counts them; text has brought them as floats."""
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.dtype.kind == "f" and values.ndim == 1:
        whole = np.isfinite(values) & (values == np.round(values))
        if not whole.all():
            step = int(np.flatnonzero(~whole)[0])
            raise DataError(
                f"{where}: {name} at step {step} ({values[step]:g}) is no whole number, and "
                f"{task.env} has {task.actions} discrete actions"
            )
        values = values.astype(np.int64)
    if map.discrete is not None and values.dtype.kind in "iu":
        values = values.astype(np.int64) - map.discrete.offset + task.action_start
    return values
