"""Import the Atari demonstrations of ncps' examples: files of 32 stacked observations and actions.

`train_00000.npz` and so on, `val_00000.npz` and so on; each has `obs (T, 84, 84, 4)` uint8, the
newest frame last, and `actions (T,)`. Files that follow each other in the game are joined, so that
a frame is stored once and not four times; stacks read back are the original to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.data.demonstration import Demonstration, Origin
from lrs_lightning.data.frames import PackedFrames
from lrs_lightning.data.importers._arrays import names_of, read_arrays
from lrs_lightning.data.importers.base import Importer
from lrs_lightning.data.importers.registry import register
from lrs_lightning.data.task import Task
from lrs_lightning.errors import ArgumentError, DataError, EnvironmentMismatchError

Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]


@register
@dataclass(frozen=True)
class NcpsNpz(Importer):
    """The Atari demonstrations of ncps' examples."""

    name: ClassVar[str] = "ncps-npz"
    description: ClassVar[str] = (
        "a folder of train_*.npz and val_*.npz with obs (T, 84, 84, 4) and actions (T,)"
    )
    env: ClassVar[str | None] = "Breakout"  # which the files do not name

    @classmethod
    def recognises(cls, source: Path) -> bool:
        """A folder of `train_*.npz` with `obs` and `actions`."""
        files = _files(source, "train")
        return bool(files) and {"obs", "actions"} <= names_of(files[0])

    def episodes(self, source: Path, task: Task) -> Iterator[Demonstration]:
        """Runs of files that follow each other; those of `val_*` are held out.

        Raises:
            ArgumentError: the folder has no such files.
            DataError: a file is damaged, or holds other arrays.
            EnvironmentMismatchError: an action that the game does not have.
        """
        if not _files(source, "train"):
            raise ArgumentError(
                f"{source} has no train_*.npz: give the folder of ncps' demonstrations"
            )
        for part in ("train", "val"):
            for run in _runs(_files(source, part), task):
                yield _episode(run, held_out=part == "val")

    def about(self) -> dict[str, Any]:
        """The files have no rewards."""
        return {"expert": "ncps", "rewards": "not in the source: zero"}


def _files(source: Path, part: str) -> list[Path]:
    return sorted(source.glob(f"{part}_*.npz"))


def _runs(files: list[Path], task: Task) -> Iterator[list[Arrays]]:
    """Files that follow each other without a gap."""
    run: list[Arrays] = []
    for file in files:
        stacks, chosen = _read(file, task)
        if run and not np.array_equal(run[-1][0][-1, ..., 1:], stacks[0, ..., :-1]):
            yield run
            run = []
        run.append((stacks, chosen))
    if run:
        yield run


def _read(file: Path, task: Task) -> Arrays:
    arrays = read_arrays(file, ("obs", "actions"))
    stacks, chosen = arrays["obs"], arrays["actions"]
    _check(file, stacks, chosen)
    if int(chosen.min()) < 0 or int(chosen.max()) >= (task.actions or 0):
        raise EnvironmentMismatchError(
            f"{file} has actions from {chosen.min()} to {chosen.max()} and the game has "
            f"{task.actions}: name the right game with --env"
        )
    return stacks, chosen.astype(np.int64)


def _check(file: Path, stacks: NDArray[Any], chosen: NDArray[Any]) -> None:
    if stacks.dtype != np.uint8 or stacks.shape[1:] != (84, 84, 4) or not len(stacks):
        raise DataError(
            f"{file}: obs has shape {stacks.shape} of {stacks.dtype}, expected uint8 (T, 84, 84, 4)"
        )
    if chosen.shape != stacks.shape[:1] or chosen.dtype.kind not in "iu":
        raise DataError(
            f"{file}: actions has shape {chosen.shape} of {chosen.dtype}, expected "
            f"{len(stacks)} integers"
        )
    older, newer = stacks[1:, ..., :-1], stacks[:-1, ..., 1:]
    if not np.array_equal(older, newer):
        raise DataError(f"{file}: the stacks do not follow one another: a frame is missing")


def _episode(run: list[Arrays], held_out: bool) -> Demonstration:
    newest = np.concatenate([stacks[..., -1] for stacks, _ in run])  # (L, 84, 84)
    before = np.moveaxis(run[0][0][0, ..., :-1], -1, 0)[:, None]  # (3, 1, 84, 84)
    chosen = np.concatenate([actions for _, actions in run])
    return Demonstration(
        observations=PackedFrames(newest[:, None]),
        actions=chosen,
        labels=chosen,
        rewards=np.zeros(len(chosen), np.float32),
        before=before if before.any() else None,
        origin=Origin("ncps", "ncps", held_out=held_out),
    )
