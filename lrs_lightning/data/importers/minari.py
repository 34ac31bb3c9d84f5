"""Minari datasets, read from their HDF5 file: Minari itself need not be installed.

    DATASET/data/metadata.json     spaces, environment, author
    DATASET/data/main_data.hdf5    episode_0/{observations, actions, rewards, terminations, ...}

Everything is kept as it is stored, in its own precision: `data --to minari` gives the same dataset
again, to the last bit. Observations of several parts become one vector, in the order of
Gymnasium's `FlattenObservation`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import gymnasium as gym
import h5py
import numpy as np

from lrs_lightning.data.checks import check_episode
from lrs_lightning.data.demonstration import Demonstration, Ending, Origin
from lrs_lightning.data.from_arrays import episode_from_arrays
from lrs_lightning.data.importers._files import checked
from lrs_lightning.data.importers._hdf5 import arrays_below, attribute, opened, read
from lrs_lightning.data.importers.base import Importer
from lrs_lightning.data.importers.registry import register
from lrs_lightning.data.importers.spaces import Array, leaves, read_space, together
from lrs_lightning.data.task import NO_ENV, Task
from lrs_lightning.documents import read_json
from lrs_lightning.errors import DataError
from lrs_lightning.foreign_id import check_foreign_id

METADATA, EPISODES = "metadata.json", "main_data.hdf5"
FLAGS = ("terminations", "truncations")
MINARI_INFOS = "minari"
"""Infos below this name are what a store has no place for: attributes, and flags of all steps."""
_EPISODE = re.compile(r"episode_(\d+)")
_MEND = "give the folder of a Minari dataset"


@register
@dataclass(frozen=True)
class Minari(Importer):
    """Minari datasets of numbers."""

    name: ClassVar[str] = "minari"
    description: ClassVar[str] = "a Minari dataset: its folder, or the id of a local one"
    exact: ClassVar[bool] = True

    @classmethod
    def locate(cls, source: Path) -> Path:
        """The folder of a local dataset for its id, e.g. `mujoco/pusher/expert-v0`."""
        root = Path(os.environ.get("MINARI_DATASETS_PATH", Path.home() / ".minari" / "datasets"))
        named = root / source
        inside = ".." not in source.parts and not source.is_absolute()
        return named if inside and (named / "data" / METADATA).is_file() else source

    @classmethod
    def recognises(cls, source: Path) -> bool:
        """A folder with both files."""
        folder = _folder(source)
        return (folder / METADATA).is_file() and (folder / EPISODES).exists()

    def task(self, source: Path, env: str | None) -> Task:
        """That of the environment that is named; else the spaces that the dataset has."""
        if env is not None and env != NO_ENV:
            return super().task(source, env)
        about = metadata(source)
        where = str(_folder(source) / METADATA)
        seen, done = (about.get(f"{of}_space") for of in ("observation", "action"))
        named = None if env == NO_ENV else env_of(about, where)
        if seen is None or done is None:  # of Minari before 0.5
            return super().task(source, named)
        space = read_space(seen, f"{where}, observation_space")
        width = sum(int(np.prod(box.shape, dtype=np.int64)) for _, box in leaves(space))
        _refuse_pictures(space, where)
        flat = gym.spaces.Box(-np.inf, np.inf, (width,), np.float32)
        return Task.of(named or NO_ENV, flat, read_space(done, f"{where}, action_space"))

    def episodes(self, source: Path, task: Task) -> Iterator[Demonstration]:
        """Read one after another, in their own precision."""
        about = metadata(source)
        text = about.get("observation_space")
        space = None if text is None else read_space(text, str(_folder(source) / METADATA))
        with opened(checked(_folder(source) / EPISODES, source)) as file:
            for name in _names(file):
                where = f"{file.filename}, {name}"
                episode = _episode(file, name, space, task, where)
                check_episode(episode, task, where)
                yield episode

    def about_source(self, source: Path) -> dict[str, Any]:
        """The metadata of the dataset, for the way back."""
        return {"minari": metadata(source)}


def _folder(source: Path) -> Path:
    """Where both files are: below the dataset's folder, or in it."""
    below = source / "data"
    return below if (below / METADATA).is_file() else source


def metadata(source: Path) -> dict[str, Any]:
    """What the dataset says of itself.

    Raises:
        DataError: it says nothing, or keeps its episodes in another format than HDF5.
    """
    path = checked(_folder(source) / METADATA, source)
    about = read_json(path, dict[str, Any], _MEND)
    kept = about.get("data_format", "hdf5")
    if kept != "hdf5":
        raise DataError(f"{path}: data_format is {str(kept)[:40]!r}, expected hdf5: convert it")
    return about


def env_of(about: dict[str, Any], where: str) -> str | None:
    """Id of the environment; the rest of its description, which could name code, is not read."""
    try:
        found = json.loads(about.get("env_spec") or "{}").get("id")
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise DataError(f"{where}: env_spec is no JSON: {_MEND}") from None
    return None if found is None else check_foreign_id(str(found), where)


def _refuse_pictures(space: gym.spaces.Space[Any], where: str) -> None:
    for name, box in leaves(space):
        if box.dtype == np.uint8 and len(box.shape) > 1:
            raise DataError(
                f"{where}: observation{name} are pictures, which are not read: Minari keeps them "
                "as JPEG, and closed loop would show others"
            )


def _names(file: h5py.File) -> list[str]:
    found = [match for name in file if (match := _EPISODE.fullmatch(name))]
    return [match[0] for match in sorted(found, key=lambda match: int(match[1]))]


def _episode(
    file: h5py.File, name: str, space: gym.spaces.Space[Any] | None, task: Task, where: str
) -> Demonstration:
    try:
        link = file.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise DataError(f"{name} is a link to somewhere else, which is not followed")
        parts = [] if space is None else [part for part, _ in leaves(space)]
        if parts in ([], [""]):
            seen = read(file, f"{name}/observations")
        else:
            seen = together([read(file, f"{name}/observations{part}") for part in parts])
        actions, rewards = (read(file, f"{name}/{of}") for of in ("actions", "rewards"))
        flags = {of: read(file, f"{name}/{of}") for of in FLAGS}
        infos = arrays_below(file, f"{name}/infos")
    except KeyError as error:
        raise DataError(f"{where} is incomplete ({' '.join(str(error).split())})") from None
    except DataError as error:
        raise DataError(f"{where}: {error}") from None
    seed = attribute(file[name], "seed")
    arrays = {
        "observations": seen,
        "actions": actions,
        "rewards": rewards,
        "infos": {**infos, **_beside(flags)},
        "origin": Origin(actor=where, labeller=where, seed=None if seed is None else int(seed)),
        "success": _success(infos),
    }
    return _ended(episode_from_arrays(arrays, task, where), flags)


def _beside(flags: dict[str, Array]) -> dict[str, Array]:
    """Flags that are set before the last step, which the ending alone does not tell."""
    return {f"{MINARI_INFOS}/{of}": f for of, f in flags.items() if f[:-1].any()}


def _success(infos: dict[str, Array]) -> Any:
    return next((infos[name] for name in ("success", "is_success") if name in infos), None)


def _ended(episode: Demonstration, flags: dict[str, Array]) -> Demonstration:
    last = {of: bool(f[-1]) if len(f) else False for of, f in flags.items()}
    ending = Ending(last["terminations"], last["truncations"], episode.ending.success)
    return replace(episode, ending=ending)
