"""Write a store, replace it, let it grow: a reader sees the old state or the new one, always.

New episodes go into a file of a name that was never used. Then the manifest, which names it, takes
the place of the old one in one step, and files that no manifest names any more are removed. One
writer works at a time. One that is killed leaves at most a file that is never read, which the next
writer removes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lrs_lightning.data import manifest as manifests
from lrs_lightning.data.demonstration import Demonstration
from lrs_lightning.data.episode_writer import Written, write_episode_file
from lrs_lightning.data.manifest import FIRST_PART, MANIFEST, Part, read_manifest
from lrs_lightning.data.store import DemonstrationStore, file_sha256
from lrs_lightning.data.task import Task
from lrs_lightning.errors import DataError, LrsError
from lrs_lightning.files import cannot_write, whole_file
from lrs_lightning.locking import LOCK, locked

_PART = re.compile(r"episodes(?:-(?P<number>\d+))?\.h5")
_UNFINISHED = re.compile(r"\.(episodes|manifest).*\.(h5|json)")  # as `whole_file` names them


def write_store(
    folder: str | Path,
    task: Task,
    episodes: Iterable[Demonstration],
    about: Mapping[str, Any],
    exact: bool = False,
) -> DemonstrationStore:
    """Write a store, and open it.

    Args:
        folder: its place; an existing store there is replaced once the new one is whole.
        task: what the episodes are of.
        episodes: the demonstrations, taken one by one.
        about: further entries of the manifest (expert, seeds, noise, versions).
        exact: keep floats in the precision that they have, rather than in that which policies read.

    Raises:
        DataError: there are no episodes or one does not fit the task, the folder holds something
            else, or it cannot be written.
    """
    folder = Path(folder)
    with _writing(folder):
        part, written = _add_part(folder, task, episodes, first=0, exact=exact)
        manifests.write_manifest(folder, manifests.compose(task, [part], written, about))
        _remove_unnamed(folder)
        return DemonstrationStore(folder, task.env)


def append_episodes(folder: str | Path, episodes: Iterable[Demonstration]) -> DemonstrationStore:
    """Add episodes at the end of a store, and open what it is now.

    What was opened before stays as it was. Several processes may append: one waits for the other.

    Args:
        folder: the store.
        episodes: of its task, taken one by one; their `origin` says who acted and who labelled.

    Raises:
        DataError: there is no store, no episodes, one that does not fit the task, or the folder
            cannot be written. The store is then as it was.
    """
    folder = Path(folder)
    read_manifest(folder)  # no lock, and no folder, for what is no store
    with _writing(folder):
        old = read_manifest(folder)
        part, written = _add_part(folder, manifests.task_of(old, folder), episodes, old["episodes"])
        manifests.write_manifest(folder, manifests.extend(old, part, written))
        return DemonstrationStore(folder)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Alone in the folder, without what a killed writer left; an attempt that fails leaves none."""
    refuse_other_content(folder)
    with locked(folder / LOCK):
        refuse_other_content(folder)
        _remove_unnamed(folder)
        try:
            yield
        except OSError as error:
            raise cannot_write(folder, error) from error
        finally:
            _remove_unnamed(folder)
            if not (folder / MANIFEST).exists():
                _remove_empty(folder)


def _add_part(
    folder: Path,
    task: Task,
    episodes: Iterable[Demonstration],
    first: int,
    exact: bool = False,
) -> tuple[Part, list[Written]]:
    path = folder / _unused_name(folder)
    with whole_file(path) as unfinished:
        written = write_episode_file(unfinished, episodes, task, first, exact)
        if not written:
            raise DataError("there are no episodes to store")
    return Part(path.name, file_sha256(path), len(written)), written


def _unused_name(folder: Path) -> str:
    """A name later than all others, so that no reader finds another file under a name it knows."""
    found = [match for path in folder.iterdir() if (match := _PART.fullmatch(path.name))]
    if not found:
        return FIRST_PART
    return f"episodes-{1 + max(int(match['number'] or 1) for match in found)}.h5"


def _remove_unnamed(folder: Path) -> None:
    """Remove files of episodes that the manifest does not name."""
    named: set[str] = set()
    if (folder / MANIFEST).exists():
        try:
            named = {part.file for part in manifests.parts_of(read_manifest(folder))}
        except LrsError:  # damaged: only a whole new store may take its place
            return
    for path in list(folder.iterdir()):
        ours = _PART.fullmatch(path.name) or _UNFINISHED.fullmatch(path.name)
        if ours and path.name not in named:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _remove_empty(folder: Path) -> None:
    """Take the folder away again if nothing but the lock is in it."""
    if [path.name for path in folder.iterdir()] == [LOCK]:
        with suppress(OSError):
            (folder / LOCK).unlink(missing_ok=True)
            folder.rmdir()


def refuse_other_content(folder: Path) -> None:
    """Never write among a user's files: a folder is a store, a store to be, or empty."""
    if (folder / MANIFEST).is_file():
        return
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return
    except OSError as error:
        raise cannot_write(folder, error) from error
    begun = LOCK in names and all(_is_ours(name) for name in names)
    if names and not begun:
        raise DataError(f"{folder} exists and is no demonstration store: choose another folder")


def _is_ours(name: str) -> bool:
    return name == LOCK or bool(_PART.fullmatch(name) or _UNFINISHED.fullmatch(name))
