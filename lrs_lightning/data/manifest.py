"""The manifest of a store: what it holds, and which files its episodes are in.

The manifest is what makes a store: a reader sees the files that it names, and a writer
changes a store by putting another manifest in its place, in one step.

    {"schema": 3, "task": {...},
     "parts": [{"file": "episodes.h5", "sha256": "...", "episodes": 20}],
     "episodes": 20, "steps": 20000, "lengths": [...], "returns": [...], "origins": [{...}, ...],
     "endings": [{"terminated": true, ...}, ...], "digests": ["...", ...],
     "expert": "shipped", ..., "sha256": "of all that is above"}

Older manifests are read as one of today. Schema 2 has no endings and digests; schema 1 is of one
part, and its seeds and noise are lists of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from lrs_lightning.data.demonstration import Ending, Origin
from lrs_lightning.data.episode_writer import Written
from lrs_lightning.data.task import Task
from lrs_lightning.documents import (
    CHECKSUM,
    as_shape,
    check,
    parse_json,
    read_bytes,
    write_json,
)
from lrs_lightning.errors import DataError

SCHEMA = 3
MANIFEST, FIRST_PART = "manifest.json", "episodes.h5"
_MEND = "collect the demonstrations anew"


Count = Annotated[int, Meta(ge=0, le=1 << 40)]
_Steps = Annotated[int, Meta(ge=1, le=1 << 40)]
_Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]

OF_EPISODES = ("lengths", "returns", "origins", "endings", "digests")
"""Lists with one entry for each episode."""


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    """A file of episodes: its name, SHA-256, and how many episodes it has."""

    file: Annotated[str, Meta(pattern=r"^episodes(-[0-9]{1,9})?\.h5\Z")]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    episodes: _Steps


class _Manifest(Struct):
    """What every manifest has; further entries are kept as they are."""

    schema: Literal[3]
    task: dict[str, Any]
    parts: Annotated[list[Part], Meta(min_length=1)]
    episodes: _Steps
    lengths: list[_Steps]
    returns: list[float]
    origins: list[Origin]
    endings: list[Ending]
    digests: list[_Digest | None]
    steps: _Steps | None = None


class _Manifest1(Struct):
    """What a manifest of schema 1 has."""

    sha256: str
    episodes: Annotated[int, Meta(ge=1, le=1 << 20)]
    expert: str | None = None
    validation: list[Count] = []
    seeds: list[int | None] | None = None
    noise: list[float] | None = None


def compose(
    task: Task, parts: Sequence[Part], episodes: Sequence[Written], about: Mapping[str, Any]
) -> dict[str, Any]:
    """The manifest of a new store."""
    return {
        "schema": SCHEMA,
        "task": task.to_dict(),
        **about,
        "parts": [msgspec.structs.asdict(part) for part in parts],
        **_of_episodes({name: [] for name in OF_EPISODES}, episodes),
    }


def extend(manifest: Mapping[str, Any], part: Part, episodes: Sequence[Written]) -> dict[str, Any]:
    """The manifest after a part with these episodes was added."""
    return {
        **manifest,
        "parts": [*manifest["parts"], msgspec.structs.asdict(part)],
        **_of_episodes(manifest, episodes),
    }


def _of_episodes(old: Mapping[str, Any], more: Sequence[Written]) -> dict[str, Any]:
    """The lists of a manifest with further episodes, and what follows from them."""
    new: dict[str, list[Any]] = {
        "lengths": [episode.length for episode in more],
        "returns": [round(episode.return_, 3) for episode in more],
        "origins": [episode.origin.to_dict() for episode in more],
        "endings": [episode.ending.to_dict() for episode in more],
        "digests": [episode.digest for episode in more],
    }
    lists = {name: [*old[name], *new[name]] for name in OF_EPISODES}
    return {"episodes": len(lists["lengths"]), "steps": sum(lists["lengths"]), **lists}


def parts_of(manifest: Mapping[str, Any]) -> list[Part]:
    """The files of a store."""
    return [msgspec.convert(part, Part) for part in manifest["parts"]]


def task_of(manifest: Mapping[str, Any], folder: Path) -> Task:
    """What the episodes of a store are of.

    Raises:
        DataError: no task is described there.
    """
    try:
        return Task.from_dict(manifest["task"])
    except DataError as error:
        raise DataError(f"{folder / MANIFEST}: {error}") from None


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Put a manifest in the place of the old one, in one step."""
    write_json(folder / MANIFEST, dict(manifest))


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest in a folder; that of an older schema reads as one of today.

    Raises:
        DataError: there is none, or it is damaged, contradicts itself or is of a later schema.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise DataError(
            f"no demonstrations in {folder}: collect some with `python -m lrs_lightning collect "
            "--out` and another folder, or bring your own with `import`"
        )
    where, content = str(path), read_bytes(path, _MEND)
    manifest = parse_json(content, dict[str, Any], where, _MEND)
    if manifest.get("schema") not in (1, 2, SCHEMA):
        raise DataError(
            f"{path} is not a manifest of schema {SCHEMA} ({str(manifest.get('schema'))[:40]}): "
            f"{_MEND}"
        )
    if manifest["schema"] == 1:  # its sha256 is that of the file of episodes
        manifest = _from_schema_1(manifest, where)
    else:
        check(content, where, _MEND)
        found = manifest.pop(CHECKSUM, None)
        if found is None and manifest["schema"] == SCHEMA:  # a flipped byte may have hit its name
            raise DataError(f"{path} was altered (its checksum is missing): {_MEND}")
    if manifest["schema"] == 2:
        manifest = _from_schema_2(manifest)
    fault = _contradiction(as_shape(manifest, _Manifest, where, _MEND))
    if fault is not None:
        raise DataError(f"{path} contradicts itself ({fault}): {_MEND}")
    return manifest


def _contradiction(manifest: _Manifest) -> str | None:
    """What two entries say differently; None if they agree."""
    count = manifest.episodes
    for name in OF_EPISODES:
        if len(getattr(manifest, name)) != count:
            return f"{count} episodes and {len(getattr(manifest, name))} {name}"
    if sum(part.episodes for part in manifest.parts) != count:
        return f"{count} episodes, and the parts have others"
    if len({part.file for part in manifest.parts}) != len(manifest.parts):
        return "two parts are one file"
    if manifest.steps not in (None, sum(manifest.lengths)):
        return f"{manifest.steps} steps, and the lengths add up to {sum(manifest.lengths)}"
    return None


def _from_schema_1(manifest: dict[str, Any], where: str) -> dict[str, Any]:
    """One file of episodes, whose seeds and noise are lists beside it."""
    old = as_shape(manifest, _Manifest1, where, _MEND)
    count, held_out = old.episodes, set(old.validation)
    seeds, noise = old.seeds or [None] * count, old.noise or [0.0] * count
    if len(seeds) != count or len(noise) != count or max(held_out, default=0) >= count:
        raise DataError(
            f"{where} contradicts itself ({count} episodes; and seeds, noise or validation of "
            f"others): {_MEND}"
        )
    origins = [
        Origin(
            old.expert, old.expert, noise=noise[i], seed=seeds[i], held_out=i in held_out
        ).to_dict()
        for i in range(count)
    ]
    part = {"file": FIRST_PART, "sha256": old.sha256, "episodes": count}
    kept = {key: value for key, value in manifest.items() if key != "sha256"}
    return {**kept, "schema": 2, "parts": [part], "origins": origins}


def _from_schema_2(manifest: dict[str, Any]) -> dict[str, Any]:
    """How its episodes ended was not recorded, nor what tells them apart."""
    lengths = manifest.get("lengths")
    count = len(lengths) if isinstance(lengths, list) else 0  # another shape is refused later
    return {**manifest, "schema": SCHEMA, "endings": [{}] * count, "digests": [None] * count}
