"""Where this user's cache is: one answer for compiled code, demonstrations and fetched experts."""

from __future__ import annotations

import logging
import os
import tempfile
from functools import lru_cache
from pathlib import Path

logger = logging.getLogger("lrs_kernels")


def cache_folder(name: str) -> Path:
    """`name` in the user's cache, which is not made here.

    The cache is `XDG_CACHE_HOME`, else `.cache` in the home. A process that has no home, or may not
    write into it, as some services and containers, gets `temporary_cache`, and a warning, once.
    """
    chosen = os.environ.get("XDG_CACHE_HOME")
    if chosen:
        return Path(chosen) / name
    try:
        home = Path.home()
    except RuntimeError:  # no HOME, and the user is in no list
        return temporary_cache() / name
    if _can_be_written(home / ".cache" / name):
        return home / ".cache" / name
    _warn(home)
    return temporary_cache() / name


def temporary_cache() -> Path:
    """A folder of the user's in the place for temporary files; it is not made here."""
    return Path(tempfile.gettempdir()) / f"cache-{os.getuid()}"


def _can_be_written(folder: Path) -> bool:
    """Whether a folder is there and takes files, or whether it could be made."""
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)


@lru_cache
def _warn(home: Path) -> None:
    logger.warning(
        "the home %s cannot be written to: compiled code and demonstrations are kept in %s, which "
        "may not last; set XDG_CACHE_HOME to a folder of yours",
        home,
        temporary_cache(),
    )
