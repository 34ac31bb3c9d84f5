"""Minari datasets, read from their HDF5 file: Minari itself need not be installed.

    DATASET/data/metadata.json     spaces, environment, author
    DATASET/data/main_data.hdf5    episode_0/{observations, actions, rewards, terminations, ...}

Everything is kept as it is stored, in its own precision: `data --to minari` gives the same dataset
again, to the last bit. Observations of several parts become one vector, in the order of
Gymnasium's `FlattenObservation`. Pictures are read where they stand alone, or are the part that is
asked for; Minari keeps them as JPEG unless it is told not to.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import gymnasium as gym
import h5py
import numpy as np

from lrs_lightning.data.checks import check_episode
from lrs_lightning.data.demonstration import Demonstration, Ending, Origin
from lrs_lightning.data.findings import Finding
from lrs_lightning.data.from_arrays import episode_from_arrays
from lrs_lightning.data.importers._files import checked
from lrs_lightning.data.importers._hdf5 import (
    arrays_below,
    attribute,
    holds_jpeg,
    opened,
    read,
    read_pictures,
)
from lrs_lightning.data.importers._pictures import lossy_finding
from lrs_lightning.data.importers.base import Importer
from lrs_lightning.data.importers.registry import register
from lrs_lightning.data.importers.spaces import Array, leaves, read_space, together
from lrs_lightning.data.picture_layout import looks_like_pictures, picture_space
from lrs_lightning.data.task import NO_ENV, Task
from lrs_lightning.documents import read_json
from lrs_lightning.env_variant import EnvVariant
from lrs_lightning.errors import DataError
from lrs_lightning.foreign_id import check_foreign_id

METADATA, EPISODES = "metadata.json", "main_data.hdf5"
FLAGS = ("terminations", "truncations")
MINARI_INFOS = "minari"
"""Infos below this name are what a store has no place for: attributes, and flags of all steps."""
Parts = Sequence[tuple[str, gym.spaces.Box | None]]
"""Name and box of each part of an observation; no box where the dataset describes none."""
_EPISODE = re.compile(r"episode_(\d+)")
_MEND = "give the folder of a Minari dataset"


@register
@dataclass(frozen=True)
class Minari(Importer):
    """Minari datasets.

    Args:
        part: which part of several is seen, e.g. `pixels`; all of them, as one vector, where None.
    """

    name: ClassVar[str] = "minari"
    description: ClassVar[str] = "a Minari dataset: its folder, or the id of a local one"
    exact: ClassVar[bool] = True

    part: str | None = None

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
        boxes = [box for _, box in self._parts(space, where)]
        shown = gym.spaces.Box(-np.inf, np.inf, (sum(_size(box) for box in boxes),), np.float32)
        if _is_picture(boxes[0]):
            shown = picture_space(boxes[0].shape)
        if named is not None and self.part is not None and isinstance(space, gym.spaces.Dict):
            keys = json.dumps([self.part.partition("/")[0]])
            named = str(EnvVariant.parse(f"{named}+FilterObservation(filter_keys={keys})"))
        return Task.of(named or NO_ENV, shown, read_space(done, f"{where}, action_space"))

    def _parts(self, space: gym.spaces.Space[Any], where: str) -> list[tuple[str, gym.spaces.Box]]:
        """Name and box of each part that is seen: numbers, or one picture."""
        found = list(leaves(space))
        if self.part is not None:
            below = f"/{self.part}"
            chosen = [(n, box) for n, box in found if f"{n}/".startswith(f"{below}/")]
            if not chosen:
                names = ", ".join(name.lstrip("/") for name, _ in found) or "one part alone"
                raise DataError(f"{where}: the observation has no part {self.part!r}: {names}")
            found = chosen
        if len(found) > 1 and any(_is_picture(box) for _, box in found):
            names = ", ".join(name.lstrip("/") for name, _ in found)
            raise DataError(
                f"{where}: a picture beside other observations ({names}), which no policy reads "
                "together: choose one part, --option part=NAME"
            )
        return found

    def episodes(self, source: Path, task: Task) -> Iterator[Demonstration]:
        """Read one after another, in their own precision."""
        about = metadata(source)
        text = about.get("observation_space")
        space = None if text is None else read_space(text, str(_folder(source) / METADATA))
        with opened(checked(_folder(source) / EPISODES, source)) as file:
            for name in _names(file):
                where = f"{file.filename}, {name}"
                parts = [("", None)] if space is None else self._parts(space, where)
                episode = _episode(file, name, parts, task, where)
                check_episode(episode, task, where)
                yield episode

    def findings(self, source: Path, env: str | None) -> list[Finding]:
        """Pictures that are JPEG."""
        text = metadata(source).get("observation_space")
        if text is None:
            return []
        name, box = self._parts(read_space(text, str(source)), str(source))[0]
        if not _is_picture(box):
            return []
        with opened(checked(_folder(source) / EPISODES, source)) as file:
            place = f"{_names(file)[0]}/observations{name}"
            return [lossy_finding("all episodes")] if holds_jpeg(file, place, box.shape) else []

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


def _size(box: gym.spaces.Box) -> int:
    return int(np.prod(box.shape, dtype=np.int64))


def _is_picture(box: gym.spaces.Box) -> bool:
    return looks_like_pictures(box.shape, box.dtype)


def _names(file: h5py.File) -> list[str]:
    found = [match for name in file if (match := _EPISODE.fullmatch(name))]
    return [match[0] for match in sorted(found, key=lambda match: int(match[1]))]


def _seen(file: h5py.File, name: str, parts: Parts) -> Array:
    """Observations of an episode: an array as it is, several as one vector, decoded pictures."""
    places = [f"{name}/observations{part}" for part, _ in parts]
    box = parts[0][1]
    if box is not None and _is_picture(box):
        return read_pictures(file, places[0], box.shape)
    arrays = [read(file, place) for place in places]
    return arrays[0] if len(arrays) == 1 else together(arrays)


def _episode(file: h5py.File, name: str, parts: Parts, task: Task, where: str) -> Demonstration:
    try:
        link = file.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise DataError(f"{name} is a link to somewhere else, which is not followed")
        seen = _seen(file, name, parts)
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
