"""Demonstrations of one's own as NumPy archives: an episode a file, or all of them in one.

    demos/00.npz   observations (T, ...), actions (T, A) or (T,), rewards (T,)

Observations may have one step more than actions, the last of them seen and not acted on: it is left
out. One file may hold many episodes where an array says to which one each step belongs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.data.checks import check_episode
from lrs_lightning.data.demonstration import Demonstration, Origin
from lrs_lightning.data.from_arrays import observations_for
from lrs_lightning.data.importers._arrays import names_of, read_arrays
from lrs_lightning.data.importers._files import files_of, needed
from lrs_lightning.data.importers.assembling import Table
from lrs_lightning.data.importers.columns import needed_columns
from lrs_lightning.data.importers.file_map import FileMap
from lrs_lightning.data.importers.registry import register
from lrs_lightning.data.importers.table_importer import TableImporter
from lrs_lightning.data.task import NO_ENV, Task
from lrs_lightning.errors import ArgumentError, DataError

Arrays = dict[str, NDArray[Any]]


@register
@dataclass(frozen=True)
class Npz(TableImporter):
    """NumPy archives.

    Args:
        observations: name of the array of observations; of pixels frames `(T, H, W)`, each once.
        actions: name of the array of executed actions.
        labels: name of the array of what is to be learned; the actions where None.
        rewards: name of the array of rewards; zero where there is none.
        episode: name of the array `(T,)` that numbers the episodes of a file; None if a file is one
            episode.
        outside: what becomes of actions beyond the task's bounds: `"error"` or `"clip"`.
        map: says all this instead, and more.
    """

    name: ClassVar[str] = "npz"
    description: ClassVar[str] = (
        "one's own .npz files with arrays observations, actions and, if there are any, rewards"
    )

    observations: str = "observations"
    actions: str = "actions"
    labels: str | None = None
    rewards: str = "rewards"
    episode: str | None = None
    outside: Literal["error", "clip"] = "error"

    def __post_init__(self) -> None:
        if self.outside not in ("error", "clip"):
            raise ArgumentError(f"outside is {self.outside!r}, expected 'error' or 'clip'")

    @classmethod
    def recognises(cls, source: Path) -> bool:
        """A file or folder of files with arrays, whose names do not say that they are ncps'."""
        files = _files(source)
        names = names_of(files[0]) if files else set()
        theirs = {"obs", "actions"} <= names and files[0].name.startswith("train_")
        return bool(names) and not theirs

    def episodes(self, source: Path, task: Task) -> Iterator[Demonstration]:
        """Read file after file, in the order of their names."""
        if self.map is not None or task.env == NO_ENV:
            yield from super().episodes(source, task)
            return
        for file in needed(_files(source), source, ".npz"):
            for where, arrays in self._apart(file):
                episode = self._episode(arrays, task, where)
                check_episode(episode, task, where)
                yield episode

    def tables(self, source: Path, map: FileMap | None) -> Iterator[Table]:
        """All arrays of a file, or those that the map reads."""
        for file in needed(_files(source), source, ".npz"):
            names = sorted(names_of(file))
            wanted = names if map is None else needed_columns(map, names, str(file))
            arrays = read_arrays(file, wanted)
            yield Table(str(file), {n: a for n, a in arrays.items() if a.ndim})

    def about(self) -> dict[str, Any]:
        """Which array is what."""
        options = {name: value for name, value in vars(self).items() if name != "map"}
        return {**super().about(), "options": options}

    def _apart(self, file: Path) -> Iterator[tuple[str, Arrays]]:
        """The episodes of a file, and how errors name them."""
        needed = [self.observations, self.actions, *filter(None, (self.labels, self.episode))]
        arrays = read_arrays(file, needed, [self.rewards])
        for name, values in arrays.items():
            if values.ndim == 0:
                raise DataError(f"{file}: array {name!r} is a single value: give one for each step")
        if self.episode is None:
            yield str(file), arrays
            return
        numbers = arrays.pop(self.episode)
        for name, values in arrays.items():
            if numbers.shape != values.shape[:1]:
                raise DataError(
                    f"{file}: {self.episode!r} has shape {numbers.shape} and {name!r} has "
                    f"{len(values)} steps: number the episode of every step"
                )
        starts = np.flatnonzero(np.diff(numbers, prepend=numbers[:1] - 1) != 0).tolist()
        for start, stop in zip(starts, [*starts[1:], len(numbers)], strict=True):
            part = {name: values[start:stop] for name, values in arrays.items()}
            yield f"{file}, episode {numbers[start]}", part

    def _episode(self, arrays: Arrays, task: Task, where: str) -> Demonstration:
        seen, actions = arrays[self.observations], arrays[self.actions]
        labels = actions if self.labels is None else arrays[self.labels]
        if len(seen) == len(actions) + 1:
            seen = seen[:-1]
        return Demonstration(
            observations=observations_for(seen, task, where),
            actions=self._fitted(actions, task),
            labels=self._fitted(labels, task),
            rewards=arrays.get(self.rewards, np.zeros(len(actions), np.float32)),
            origin=Origin(actor=where, labeller=where),
        )

    def _fitted(self, actions: NDArray[Any], task: Task) -> NDArray[Any]:
        """`(T, 1)` of discrete actions as `(T,)`, and the other way round for a box of one."""
        if task.actions is not None:
            return actions[:, 0] if actions.shape[1:] == (1,) else actions
        if actions.ndim == 1 and len(task.action_low) == 1:
            actions = actions[:, None]
        if self.outside == "clip" and actions.shape[1:] == (len(task.action_low),):
            actions = np.clip(actions, np.array(task.action_low), np.array(task.action_high))
        return actions


def _files(source: Path) -> list[Path]:
    return files_of(source, ".npz")
