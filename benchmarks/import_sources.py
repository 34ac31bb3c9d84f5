"""Recordings of a robot of 17 sensors and 6 joints, written in each format that `import` reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from lrs_lightning.errors import ArgumentError

SEEN, DONE = 17, 6
Array = NDArray[Any]


def recorded(episodes: int, length: int) -> Iterator[tuple[Array, Array, Array]]:
    """Observations `(L, 17)`, actions `(L, 6)` and rewards `(L,)` of one episode after another."""
    rng = np.random.default_rng(0)
    for _ in range(episodes):
        seen = rng.normal(size=(length, SEEN)).astype(np.float32)
        yield seen, rng.uniform(-1, 1, (length, DONE)).astype(np.float32), rng.random(length)


def npz(folder: Path, episodes: int, length: int) -> Path:
    """A file for each episode."""
    folder.mkdir()
    for number, (seen, done, earned) in enumerate(recorded(episodes, length)):
        arrays = {"observations": seen, "actions": done, "rewards": earned}
        np.savez(folder / f"{number:05}.npz", **arrays)
    return folder


def parquet(folder: Path, episodes: int, length: int) -> Path:
    """One file; a row group for each episode."""
    folder.mkdir()
    _write_rows(folder / "all.parquet", episodes, length, "observation", "action", "reward")
    return folder / "all.parquet"


def lerobot(folder: Path, episodes: int, length: int) -> Path:
    """Version 3: rows of many episodes in a file."""
    (folder / "meta").mkdir(parents=True)
    (folder / "data").mkdir()
    names = ("observation.state", "action", "next.reward")
    features = {name: {"dtype": "float32"} for name in (*names, "episode_index")}
    info = {"codebase_version": "v3.0", "fps": 20, "features": features}
    (folder / "meta" / "info.json").write_text(json.dumps(info))
    _write_rows(folder / "data" / "file-000.parquet", episodes, length, *names)
    return folder


def robomimic(folder: Path, episodes: int, length: int) -> Path:
    """One HDF5 file."""
    folder.mkdir()
    with h5py.File(folder / "low_dim.hdf5", "w") as file:
        for number, (seen, done, earned) in enumerate(recorded(episodes, length)):
            group = file.create_group(f"data/demo_{number}")
            group["obs/joints"], group["actions"], group["rewards"] = seen, done, earned
            group["dones"] = np.arange(length) == length - 1
    return folder / "low_dim.hdf5"


def minari(folder: Path, episodes: int, length: int) -> Path:
    """Its folder, in double precision, with one observation more than actions."""
    (folder / "data").mkdir(parents=True)

    def box(size: int, kind: str) -> str:
        ends = {"low": [-100.0] * size, "high": [100.0] * size}
        return json.dumps({"type": "Box", "dtype": kind, "shape": [size], **ends})

    about = {"observation_space": box(SEEN, "float64"), "action_space": box(DONE, "float32")}
    (folder / "data" / "metadata.json").write_text(json.dumps({"data_format": "hdf5", **about}))
    with h5py.File(folder / "data" / "main_data.hdf5", "w") as file:
        for number, (seen, done, earned) in enumerate(recorded(episodes, length)):
            group = file.create_group(f"episode_{number}")
            group["observations"] = np.concatenate([seen, seen[-1:]]).astype(np.float64)
            group["actions"], group["rewards"] = done, earned
            group["terminations"] = np.arange(length) == length - 1
            group["truncations"] = np.zeros(length, bool)
    return folder


SOURCES: dict[str, Callable[[Path, int, int], Path]] = {
    "npz": npz,
    "parquet": parquet,
    "lerobot": lerobot,
    "robomimic": robomimic,
    "minari": minari,
}
"""Format -> what writes episodes into a new folder, and names the source."""


def _write_rows(path: Path, episodes: int, length: int, *names: str) -> None:
    """Rows of all episodes, with `episode_index`."""
    try:
        import pyarrow as pa
        from pyarrow import parquet as files
    except ImportError:
        raise ArgumentError("Parquet needs pyarrow: pip install 'lrs-lightning[parquet]'") from None

    writer = None
    for number, (seen, done, earned) in enumerate(recorded(episodes, length)):
        lists = [
            pa.FixedSizeListArray.from_arrays(part.reshape(-1), width).cast(pa.list_(pa.float32()))
            for part, width in ((seen, SEEN), (done, DONE))
        ]
        columns = [*lists, pa.array(earned), pa.array(np.full(length, number))]
        table = pa.table(dict(zip((*names, "episode_index"), columns, strict=True)))
        writer = files.ParquetWriter(path, table.schema) if writer is None else writer
        writer.write_table(table)
    if writer is not None:
        writer.close()
