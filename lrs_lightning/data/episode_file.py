"""Read episodes from an HDF5 file: `episodes/00000/{observations, actions, labels, rewards}`, ...

Some have more: `before`, `final`, `time` and `infos/...`. How the file is written:
`episode_writer.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from lrs_lightning.data.stored_array import find_array, holds, names_in
from lrs_lightning.errors import DataError

ARRAYS = ("observations", "actions", "labels", "rewards")
BEFORE, FINAL, TIME, INFOS = "before", "final", "time", "infos"
"""What only some episodes have; `infos` is a group of arrays."""
FRAME_CHUNK = 16  # frames are read in short windows, so that their chunks are short


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

    def read(self, name: str, steps: slice = slice(None), exact: bool = False) -> NDArray[Any]:
        """Steps of the array `00000/observations`.

        Args:
            name: of the array.
            steps: which of them.
            exact: in the very type that is stored, rather than in one that policies read: floats of
                single precision, whole numbers that PyTorch knows.

        Raises:
            DataError: there is no such array, it is no plain one of numbers, or a chunk was
                altered.
        """
        with self._named(name) as place:
            values: NDArray[Any] = self._array(place)[steps]
            return values if exact else _as_policies_read(values)

    def names(self, group: str) -> list[str]:
        """Names of the arrays in the group `00000/infos`; empty where there is none.

        Raises:
            DataError: there is no such episode, or the group is a link or an array.
        """
        with self._named(group) as place:
            return names_in(self._handle(), place)

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


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _as_policies_read(values: NDArray[Any]) -> NDArray[Any]:
    """In the byte order of this machine, single precision, and signed: PyTorch knows no other."""
    if values.dtype.kind == "u" and values.dtype.itemsize > 1:
        return values.astype(np.int64)
    if values.dtype.kind == "f" and values.dtype.itemsize > 4:
        with np.errstate(over="ignore"):  # what becomes infinite is refused as such
            return values.astype(np.float32)
    if values.dtype.isnative:
        return values
    return values.astype(values.dtype.newbyteorder("="))
