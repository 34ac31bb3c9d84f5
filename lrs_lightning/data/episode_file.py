"""Episodes in an HDF5 file: `episodes/00000/{observations, actions, labels, rewards}`, and so on.

Arrays are chunked and compressed without loss, and every chunk has a checksum, so that a flipped
byte raises instead of becoming a data point.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from lrs_lightning.data.checks import check_episode
from lrs_lightning.data.demonstration import Demonstration, Origin
from lrs_lightning.data.patient_file import PatientFile
from lrs_lightning.data.stored_array import find_array, holds
from lrs_lightning.data.task import Task
from lrs_lightning.errors import DataError

ARRAYS = ("observations", "actions", "labels", "rewards")
BEFORE = "before"
FRAME_CHUNK = 16  # frames are read in short windows, so that their chunks are short
_CHUNK_STEPS = 256
_CHUNK_BYTES = 1 << 20


class EpisodeFile:
    """A file of episodes, held open: what takes its place under the same name is never read.

    Each process has a handle of its own, so that worker processes of a loader do not share one.

    Args:
        path: the file.

    Raises:
        FileNotFoundError: there is none.
        DataError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._identity = _identity(path)
        self._handles: dict[int, h5py.File] = {}
        self._plain: set[str] = set()  # arrays that were looked at
        self._handle()

    def __getstate__(self) -> dict[str, Any]:
        # A handle belongs to one process.
        return {**vars(self), "_handles": {}, "_plain": set()}

    def has(self, name: str) -> bool:
        """Whether there is an array such as `00000/before`.

        Raises:
            DataError: there is no such episode.
        """
        with self._named(name) as place:
            return holds(self._handle(), place)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of the array `00000/observations`.

        Raises:
            DataError: there is no such array, or it is no plain one of numbers.
        """
        with self._named(name) as place:
            return tuple(self._array(place).shape)

    def dtype(self, name: str) -> np.dtype[Any]:
        """Type of the numbers of the array `00000/observations`.

        Raises:
            DataError: there is no such array, or it is no plain one of numbers.
        """
        with self._named(name) as place:
            found: np.dtype[Any] = self._array(place).dtype
            return found

    def read(self, name: str, steps: slice = slice(None)) -> NDArray[Any]:
        """Steps of the array `00000/observations`, in a type that PyTorch knows.

        Raises:
            DataError: there is no such array, it is no plain one of numbers, or a chunk was
                altered.
        """
        with self._named(name) as place:
            return _known_to_torch(self._array(place)[steps])

    def _array(self, place: str) -> h5py.Dataset:
        if place in self._plain:
            return self._handle()[place]
        array = find_array(self._handle(), place)
        self._plain.add(place)
        return array

    @contextmanager
    def _named(self, name: str) -> Iterator[str]:
        """Where an array is; whatever HDF5 has to say of it becomes a sentence with both names."""
        number, _, array = name.partition("/")
        where = f"{self.path}, episode {int(number)}"
        try:
            self._handle()  # what is wrong with the file is no fault of an array
        except FileNotFoundError:
            raise DataError(f"{self.path} was removed while it was read: start again") from None
        try:
            yield f"episodes/{name}"
        except KeyError:
            raise DataError(f"{where} has no {array}: write the demonstrations anew") from None
        except DataError as error:
            reason = str(error).replace(f"episodes/{name}", array)
            raise DataError(f"{where}: {reason}: write the demonstrations anew") from None
        except (OSError, ValueError, TypeError, RuntimeError, MemoryError) as error:
            reason = " ".join(str(error).split())[:200]
            raise DataError(f"{where}: {array} cannot be read ({reason})") from error

    def _handle(self) -> h5py.File:
        handle = self._handles.get(os.getpid())
        if handle is not None:
            return handle
        try:
            if _identity(self.path) != self._identity:
                raise DataError(f"{self.path} was replaced while it was read: start again")
            self._handles[os.getpid()] = opened = h5py.File(self.path, "r")
        except FileNotFoundError:
            raise
        except OSError as error:
            if not self.path.exists():  # which HDF5 does not tell apart
                raise FileNotFoundError(error.errno, "no such file", str(self.path)) from error
            raise DataError(f"{self.path} cannot be opened ({error})") from error
        return opened


@dataclass(frozen=True)
class Written:
    """What a manifest says of an episode: its number of steps, its return, how it came to be."""

    length: int
    return_: float
    origin: Origin


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _known_to_torch(values: NDArray[Any]) -> NDArray[Any]:
    """In the byte order of this machine, and signed where PyTorch knows no unsigned arithmetic."""
    if values.dtype.kind == "u" and values.dtype.itemsize > 1:
        return values.astype(np.int64)
    if values.dtype.isnative:
        return values
    return values.astype(values.dtype.newbyteorder("="))


def write_episodes(
    path: Path, episodes: Iterable[Demonstration], task: Task, first: int = 0
) -> list[Written]:
    """Write a file of episodes, taken one by one.

    Floats are stored as float32, which is what policies read.

    Args:
        path: the file.
        episodes: the episodes.
        task: whose spaces they must fit.
        first: number of the first episode in its store, for errors.

    Returns:
        What the manifest says of each.

    Raises:
        DataError: an episode does not fit the task.
        OSError: the file cannot be written.
    """
    written = []
    with PatientFile(path) as disk, h5py.File(disk, "w") as file:
        for number, episode in enumerate(episodes):
            check_episode(episode, task, f"episode {first + number}")
            group = file.create_group(f"episodes/{number:05d}")
            for name in ARRAYS:
                _write_array(group, name, getattr(episode, name))
            if episode.before is not None and len(episode.before):
                _write_array(group, BEFORE, episode.before)
            disk.check()
            written.append(Written(len(episode), episode.return_, episode.origin))
    return written


def _write_array(group: h5py.Group, name: str, values: Any) -> None:
    array = np.asarray(values)
    array = array.astype(np.float32) if array.dtype.kind == "f" else array
    step_bytes = max(1, array.dtype.itemsize * int(np.prod(array.shape[1:], dtype=np.int64)))
    longest = FRAME_CHUNK if array.dtype == np.uint8 and array.ndim > 2 else _CHUNK_STEPS
    steps = max(1, min(len(array), longest, _CHUNK_BYTES // step_bytes))
    group.create_dataset(
        name,
        data=array,
        chunks=(steps, *array.shape[1:]),
        compression="gzip",
        compression_opts=1,
        shuffle=array.dtype.itemsize > 1,  # bytes of equal weight side by side compress better
        fletcher32=True,
    )
