"""The manifest of a store: what it holds, and which files its episodes are in.

The manifest is what makes a store: a reader sees the files that it names, and a writer
changes a store by putting another manifest in its place, in one step.

    {"schema": 2, "task": {...},
     "parts": [{"file": "episodes.h5", "sha256": "...", "episodes": 20}],
     "episodes": 20, "steps": 20000, "lengths": [...], "returns": [...], "origins": [{...}, ...],
     "expert": "shipped", ...}
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lrs_lightning.data.demonstration import Origin
from lrs_lightning.data.episode_file import Written
from lrs_lightning.data.task import Task
from lrs_lightning.errors import DataError
from lrs_lightning.files import write_whole

SCHEMA = 2
MANIFEST, FIRST_PART = "manifest.json", "episodes.h5"
_NEEDED = {"schema", "task", "episodes", "lengths", "returns"}


@dataclass(frozen=True)
class Part:
    """A file of episodes: its name, SHA-256, and how many episodes it has."""

    file: str
    sha256: str
    episodes: int


def compose(
    task: Task, parts: Sequence[Part], episodes: Sequence[Written], about: Mapping[str, Any]
) -> dict[str, Any]:
    """The manifest of a new store."""
    return {
        "schema": SCHEMA,
        "task": task.to_dict(),
        **about,
        "parts": [asdict(part) for part in parts],
        **_of_episodes([], [], [], episodes),
    }


def extend(manifest: Mapping[str, Any], part: Part, episodes: Sequence[Written]) -> dict[str, Any]:
    """The manifest after a part with these episodes was added."""
    return {
        **manifest,
        "parts": [*manifest["parts"], asdict(part)],
        **_of_episodes(manifest["lengths"], manifest["returns"], manifest["origins"], episodes),
    }


def _of_episodes(
    lengths: Sequence[int],
    returns: Sequence[float],
    origins: Sequence[Any],
    more: Sequence[Written],
) -> dict[str, Any]:
    steps = [*lengths, *(episode.length for episode in more)]
    return {
        "episodes": len(steps),
        "steps": sum(steps),
        "lengths": steps,
        "returns": [*returns, *(round(episode.return_, 3) for episode in more)],
        "origins": [*origins, *(episode.origin.to_dict() for episode in more)],
    }


def parts_of(manifest: Mapping[str, Any]) -> list[Part]:
    """The files of a store."""
    return [Part(**part) for part in manifest["parts"]]


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Put a manifest in the place of the old one, in one step."""
    write_whole(folder / MANIFEST, json.dumps(manifest, indent=1))


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest in a folder; that of schema 1 reads as one of a single part.

    Raises:
        DataError: there is none, or it is damaged or of a later schema.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
        missing = _NEEDED - manifest.keys()
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(
            f"no demonstrations in {folder}: collect some with `python -m lrs_lightning collect "
            "--out` and another folder, or bring your own with `import`"
        ) from None
    except (ValueError, AttributeError) as error:
        raise DataError(f"{path} is damaged ({error}): collect the demonstrations anew") from None
    if missing or manifest["schema"] not in (1, SCHEMA):
        raise DataError(
            f"{path} is not a manifest of schema {SCHEMA} "
            f"({'missing ' + ', '.join(sorted(missing)) if missing else manifest['schema']}): "
            "collect the demonstrations anew"
        )
    try:
        found = _from_schema_1(manifest) if manifest["schema"] == 1 else manifest
        parts_of(found)
    except (KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error}): collect the demonstrations anew") from None
    return found


def _from_schema_1(manifest: dict[str, Any]) -> dict[str, Any]:
    """One file of episodes, whose seeds and noise are lists beside it."""
    count = manifest["episodes"]
    expert = manifest.get("expert")
    held_out = set(manifest.get("validation", ()))
    seeds = manifest.get("seeds") or [None] * count
    noise = manifest.get("noise") or [0.0] * count
    origins = [
        Origin(expert, expert, noise=noise[i], seed=seeds[i], held_out=i in held_out).to_dict()
        for i in range(count)
    ]
    part = {"file": FIRST_PART, "sha256": manifest["sha256"], "episodes": count}
    kept = {key: value for key, value in manifest.items() if key != "sha256"}
    return {**kept, "schema": SCHEMA, "parts": [part], "origins": origins}
