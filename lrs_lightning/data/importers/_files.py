"""The files of a source, none of which leads out of it."""

from __future__ import annotations

import stat
from pathlib import Path

from lrs_lightning.errors import ArgumentError, DataError


def files_of(source: Path, *endings: str) -> list[Path]:
    """Files with one of these endings, in the order of their paths; the source itself if it is one.

    Args:
        source: a file, or a folder that is searched to its ground.
        endings: such as `".csv"`, in small letters.

    Raises:
        DataError: one of them is a link or no regular file. Whoever made a folder could have a link
            in it read any file of this machine into a store that is then passed on.
    """
    if not source.is_dir():
        return [checked(source, source)] if source.suffix.lower() in endings else []
    found = (path for path in source.rglob("*") if path.suffix.lower() in endings)
    return sorted(checked(path, source) for path in found if path.is_symlink() or not path.is_dir())


def checked(path: Path, source: Path) -> Path:
    """A file below `source`, which the user named, if no link and no pipe is on the way to it.

    Raises:
        DataError: there is one.
    """
    steps = [path, *path.parents]
    for step in steps[: steps.index(source)] if source in steps else ():
        if step.is_symlink():
            raise DataError(
                f"{step} is a link, which is not followed: copy the files themselves (cp -L)"
            )
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        raise DataError(f"{path} is no regular file: leave it out")
    return path


def needed(files: list[Path], source: Path, what: str) -> list[Path]:
    """The files, if there are any.

    Raises:
        ArgumentError: there are none.
    """
    if not files:
        raise ArgumentError(f"{source} has no {what} files: give a file, or a folder of files")
    return files
