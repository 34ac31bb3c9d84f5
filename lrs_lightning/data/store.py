"""Demonstrations on disk: an HDF5 file of episodes and a manifest that says where they come from.

    folder/manifest.json   task, versions, expert, seeds, noise, returns, SHA-256 of the episodes
    folder/episodes.h5     episodes/00000/{observations, actions, labels, rewards}, ...

Arrays are chunked and compressed without loss, and every chunk has a checksum, so that a flipped
byte raises instead of becoming a data point. A store is written beside its final place and renamed
at the end: either it is whole or it does not exist.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from lrs_lightning.data.frames import CHUNK as FRAME_CHUNK
from lrs_lightning.data.frames import StoredFrames
from lrs_lightning.data.task import Task
from lrs_lightning.errors import DataError, EnvironmentMismatchError

SCHEMA = 1
_MANIFEST, _EPISODES = "manifest.json", "episodes.h5"
_CHUNK_STEPS = 256
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Demonstration:
    """One episode.

    Args:
        observations: what the expert saw, `(L, *observation)`; of pixels each frame once, `(L, 1,
            H, W)`, whose stacks are made when read.
        actions: what was executed, exploration noise included, `(L, A)` or `(L,)`.
        labels: what the expert would have done, `(L, A)` or `(L,)`: what a student learns.
        rewards: reward of each step, `(L,)`.
        before: of pixels, frames before the first step `(K, 1, H, W)`, where it is not the first of
            the game.
    """

    observations: Any
    actions: NDArray[Any]
    labels: NDArray[Any]
    rewards: NDArray[Any]
    before: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.observations)

    @property
    def return_(self) -> float:
        """Sum of the rewards."""
        return float(self.rewards.sum())


class DemonstrationStore:
    """A store opened for reading.

    Args:
        folder: where `write_store` put it.
        env: the task it must be for, if that matters.

    Raises:
        DataError: the folder is no store, or it was truncated or altered.
        EnvironmentMismatchError: it holds demonstrations of another task.
    """

    def __init__(self, folder: str | Path, env: str | None = None) -> None:
        self.folder = Path(folder)
        self.manifest = _read_manifest(self.folder)
        self.task = Task.from_dict(self.manifest["task"])
        if env is not None and self.task.env != env:
            raise EnvironmentMismatchError(
                f"{self.folder} holds demonstrations of {self.task.env}, not of {env}: choose "
                "another folder, or collect them anew"
            )
        self._file = self.folder / _EPISODES
        _verify(self._file, str(self.manifest["sha256"]))

    def __len__(self) -> int:
        return int(self.manifest["episodes"])

    def __getitem__(self, index: int) -> Demonstration:
        try:
            with h5py.File(self._file, "r") as file:
                group = file[f"episodes/{index:05d}"]
                pixels = self.task.pixels
                arrays = {name: group[name][()] for name in _FIELDS[pixels:]}
                if "before" in group:
                    arrays["before"] = group["before"][()]
            if pixels:
                arrays["observations"] = StoredFrames(
                    self._file, f"episodes/{index:05d}/observations"
                )
            return Demonstration(**arrays)
        except (KeyError, OSError) as error:
            raise DataError(f"{self._file}: episode {index} cannot be read ({error})") from error

    def __iter__(self) -> Iterator[Demonstration]:
        return (self[i] for i in range(len(self)))


_FIELDS = ("observations", "actions", "labels", "rewards")


def write_store(
    folder: str | Path, task: Task, episodes: Iterable[Demonstration], about: Mapping[str, Any]
) -> DemonstrationStore:
    """Write a store in one piece, and open it.

    Args:
        folder: its place; an existing store there is replaced only once the new one is whole.
        task: what the episodes are of.
        episodes: the demonstrations, taken one by one.
        about: further entries of the manifest (expert, seeds, noise, versions).

    Raises:
        DataError: there are no episodes, the folder holds something else, or it cannot be written.
    """
    folder = Path(folder)
    if folder.exists() and not (folder / _MANIFEST).is_file() and any(folder.iterdir()):
        raise DataError(f"{folder} exists and is no demonstration store: choose another folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise DataError(f"cannot write to {folder.parent}: {error.strerror}") from error
    try:
        counts = _write_episodes(scratch / _EPISODES, episodes)
        manifest = {"schema": SCHEMA, "task": task.to_dict(), **counts, **about}
        manifest["sha256"] = _sha256(scratch / _EPISODES)
        (scratch / _MANIFEST).write_text(json.dumps(manifest, indent=1))
        _replace_folder(scratch, folder)
    except OSError as error:
        raise DataError(f"cannot write {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return DemonstrationStore(folder, task.env)


def _write_episodes(path: Path, episodes: Iterable[Demonstration]) -> dict[str, Any]:
    returns, lengths = [], []
    with h5py.File(path, "w") as file:
        for i, episode in enumerate(episodes):
            group = file.create_group(f"episodes/{i:05d}")
            for name in _FIELDS:
                _write_array(group, name, getattr(episode, name))
            if episode.before is not None and len(episode.before):
                _write_array(group, "before", episode.before)
            returns.append(episode.return_)
            lengths.append(len(episode))
    if not returns:
        raise DataError("there are no episodes to store")
    return {
        "episodes": len(returns),
        "steps": sum(lengths),
        "lengths": lengths,
        "returns": [round(value, 3) for value in returns],
    }


def _write_array(group: h5py.Group, name: str, values: Any) -> None:
    array = np.asarray(values)
    step_bytes = max(1, array.dtype.itemsize * int(np.prod(array.shape[1:], dtype=np.int64)))
    # Frames are read in short windows, so that their chunks are short.
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


def _replace_folder(new: Path, place: Path) -> None:
    """Move a finished folder into its place; what was there goes last."""
    new.chmod(0o755)
    if not place.exists():
        os.replace(new, place)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{place.name}.old.", dir=place.parent))
    os.replace(place, old)
    os.replace(new, place)
    shutil.rmtree(old)


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / _MANIFEST
    if not path.is_file():
        raise DataError(
            f"no demonstrations in {folder}: collect some with "
            f"`python -m lrs_lightning collect --out {folder}`"
        )
    try:
        manifest: dict[str, Any] = json.loads(path.read_text())
        missing = {"schema", "task", "episodes", "sha256"} - manifest.keys()
    except (ValueError, AttributeError) as error:
        raise DataError(f"{path} is damaged ({error}): collect the demonstrations anew") from None
    if missing or manifest["schema"] != SCHEMA:
        raise DataError(
            f"{path} is not a manifest of schema {SCHEMA} "
            f"({'missing ' + ', '.join(sorted(missing)) if missing else manifest['schema']}): "
            "collect the demonstrations anew"
        )
    return manifest


def _verify(path: Path, expected: str) -> None:
    if not path.is_file():
        raise DataError(f"{path} is missing: collect the demonstrations anew")
    if _sha256(path) != expected:
        raise DataError(
            f"{path} was truncated or altered (its SHA-256 is not the manifest's): "
            "collect the demonstrations anew"
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
