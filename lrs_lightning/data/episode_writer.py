"""Write episodes into an HDF5 file: chunked, compressed without loss, a checksum on every chunk.

A flipped byte therefore raises instead of becoming a data point.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from lrs_lightning.data.checks import check_episode
from lrs_lightning.data.demonstration import Demonstration, Ending, Origin
from lrs_lightning.data.episode_file import ARRAYS, BEFORE, FINAL, FRAME_CHUNK, INFOS, TIME
from lrs_lightning.data.patient_file import PatientFile
from lrs_lightning.data.task import Task

_CHUNK_STEPS = 256
_CHUNK_BYTES = 1 << 20
_DIGEST_BYTES = 16


@dataclass(frozen=True)
class Written:
    """What a manifest says of an episode.

    Args:
        length: number of steps.
        return_: sum of the rewards.
        origin: how it came to be.
        ending: how it ended.
        digest: the same for two episodes of the same observations and labels.
    """

    length: int
    return_: float
    origin: Origin
    ending: Ending
    digest: str


def write_episode_file(
    path: Path,
    episodes: Iterable[Demonstration],
    task: Task,
    first: int = 0,
    exact: bool = False,
) -> list[Written]:
    """Write a file of episodes, taken one by one.

    Floats are stored as float32, which is what policies read.

    Args:
        path: the file.
        episodes: the episodes.
        task: whose spaces they must fit.
        first: number of the first episode in its store, for errors.
        exact: store floats in the precision that they have.

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
            arrays = _arrays_of(episode, exact)
            group = file.create_group(f"episodes/{number:05d}")
            for name, values in arrays.items():
                _write_array(group, name, values)
            disk.check()
            written.append(
                Written(
                    len(episode),
                    episode.return_,
                    episode.origin,
                    episode.ending,
                    digest(arrays["observations"], arrays["labels"]),
                )
            )
    return written


def digest(observations: NDArray[Any], labels: NDArray[Any]) -> str:
    """A name that two episodes share where what is learned from is the same to the last bit."""
    content = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for values in (observations, labels):
        content.update(f"{values.dtype.str}{values.shape}".encode())
        content.update(np.ascontiguousarray(values).tobytes())
    return content.hexdigest()


def _arrays_of(episode: Demonstration, exact: bool) -> dict[str, NDArray[Any]]:
    """Name -> what is stored."""
    arrays = {name: _stored(getattr(episode, name), exact) for name in ARRAYS}
    for name in (BEFORE, FINAL):
        values = getattr(episode, name)
        if values is not None and len(values):
            arrays[name] = _stored(values, exact)
    if episode.time is not None:
        arrays[TIME] = np.asarray(episode.time)  # of seconds since 1970 single precision keeps none
    for name, values in episode.infos.items():
        arrays[f"{INFOS}/{name}"] = np.asarray(values)
    return arrays


def _stored(values: Any, exact: bool) -> NDArray[Any]:
    array = np.asarray(values)
    return array if exact or array.dtype.kind != "f" else array.astype(np.float32)


def _write_array(group: h5py.Group, name: str, array: NDArray[Any]) -> None:
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
