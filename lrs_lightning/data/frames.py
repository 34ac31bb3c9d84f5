"""Frames of an episode, each once: on disk or packed in memory, unpacked where they are read.

A game's picture changes little from frame to frame and compresses 20 to 50 times without loss.
Chunks are of 16 frames, so that a short window costs little. Stacks of a game are made when read:
the stack of step t holds frames t-3 to t, and what would lie before the episode is zero, as in the
game itself. Colours, and stacks that were recorded as they were seen, are read as they are.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.data.episode_file import FRAME_CHUNK as CHUNK
from lrs_lightning.data.episode_file import EpisodeFile

Frames = NDArray[np.uint8]


class StoredFrames:
    """Frames `(L, C, H, W)` in a file of episodes, read slice by slice.

    Args:
        file: the file.
        name: of the array, e.g. `"00000/observations"`.

    Raises:
        DataError: there is no such array; when reading, if a chunk was altered.
    """

    def __init__(self, file: EpisodeFile, name: str) -> None:
        self._file, self._name = file, name
        self.shape = file.shape(name)
        self.dtype = file.dtype(name)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, steps: slice) -> Frames:
        return self._file.read(self._name, steps)

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


def seen_from(frames: Any, before: Frames | None, start: int, length: int, stack: int) -> Frames:
    """What was seen in steps `start` to `start + length`, `(length, S, H, W)`; see `stacked`."""
    if frames.shape[1] != stack:
        return stacked(frames, before, start, length, stack)
    whole: Frames = np.asarray(frames[start : min(start + length, len(frames))])
    missing = length - len(whole)
    return np.concatenate([whole, np.repeat(whole[-1:], missing, axis=0)]) if missing else whole


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
