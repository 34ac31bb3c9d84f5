"""Frames of an episode, each once: on disk or packed in memory, unpacked where they are read.

A game's picture changes little from frame to frame and compresses 20 to 50 times without loss.
Chunks are of 16 frames, so that a short window costs little. Stacks are made when read: the stack
of step t holds frames t-3 to t, and what would lie before the episode is zero, as in the game
itself.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from lrs_lightning.errors import DataError

CHUNK = 16

Frames = NDArray[np.uint8]


class StoredFrames:
    """Frames `(L, 1, H, W)` in an HDF5 file, read slice by slice.

    The file is opened once in each process, so that worker processes of a loader do not share a
    handle.

    Args:
        path: the file.
        name: the data set in it.

    Raises:
        DataError: when reading, if a chunk was altered.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self.shape: tuple[int, ...] = _dataset(path, name).shape
        self.dtype = np.dtype(np.uint8)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, steps: slice) -> Frames:
        try:
            frames: Frames = _dataset(self.path, self.name)[steps]
        except OSError as error:
            raise DataError(f"{self.path}: {self.name} cannot be read ({error})") from error
        return frames

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self[:] if dtype is None else self[:].astype(dtype)


class PackedFrames:
    """Frames `(L, 1, H, W)` in memory, compressed: what a recording waits in until it is written.

    Args:
        frames: uint8, with any axes after the first.
    """

    def __init__(self, frames: Frames) -> None:
        self.shape, self.dtype = frames.shape, frames.dtype
        self._chunks = [
            zlib.compress(np.ascontiguousarray(frames[i : i + CHUNK]).tobytes(), 1)
            for i in range(0, len(frames), CHUNK)
        ]

    def __len__(self) -> int:
        return int(self.shape[0])

    @property
    def nbytes(self) -> int:
        """Bytes held in memory."""
        return sum(map(len, self._chunks))

    def __getitem__(self, steps: slice) -> Frames:
        start, stop, stride = steps.indices(len(self))
        if stride != 1:
            return self[:][steps]
        first, last = start // CHUNK, -(-stop // CHUNK)
        raw = b"".join(map(zlib.decompress, self._chunks[first:last]))
        frames = np.frombuffer(raw, np.uint8).reshape(-1, *self.shape[1:])
        return frames[start - first * CHUNK : max(stop, start) - first * CHUNK]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        frames = self[:]
        return frames if dtype is None else frames.astype(dtype)


_open: dict[tuple[int, int, int], h5py.File] = {}


def _dataset(path: Path, name: str) -> h5py.Dataset:
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(f"{path} is missing: collect the demonstrations anew") from error
    # Another file may have taken its place under the same name.
    key = os.getpid(), status.st_ino, status.st_mtime_ns
    file = _open.get(key)
    if file is None or not file.id.valid:
        while len(_open) >= 8:  # a session may visit many stores
            _open.pop(next(iter(_open))).close()
        try:
            file = _open[key] = h5py.File(path, "r")
        except OSError as error:
            raise DataError(f"{path} cannot be opened ({error})") from error
    try:
        return file[name]
    except KeyError as error:
        raise DataError(f"{path} has no {name}: collect the demonstrations anew") from error


def stacked(frames: Any, before: Frames | None, start: int, length: int, stack: int) -> Frames:
    """The stacks of steps `start` to `start + length`, `(length, S, H, W)`; repeats past the end.

    Args:
        frames: `(L, 1, H, W)`, an array or something that slices like one.
        before: the frames before the first one, `(K, 1, H, W)`; zero where there are none.
        start: first step.
        length: number of steps T.
        stack: frames in a stack S.
    """
    total = len(frames)
    first = start - (stack - 1)
    needed = frames[max(first, 0) : min(start + length, total)]
    if first < 0:
        needed = np.concatenate([_before(before, -first, frames.shape[1:]), needed])
    missing = length + stack - 1 - len(needed)
    if missing > 0:
        needed = np.concatenate([needed, np.repeat(needed[-1:], missing, axis=0)])
    windows = np.lib.stride_tricks.sliding_window_view(needed[:, 0], stack, axis=0)
    result: Frames = np.ascontiguousarray(np.moveaxis(windows, -1, 1))
    return result


def _before(before: Frames | None, count: int, shape: tuple[int, ...]) -> Frames:
    padding = np.zeros((count, *shape), np.uint8)
    if before is not None and len(before):
        known = before[-count:]
        padding[count - len(known) :] = known
    return padding
