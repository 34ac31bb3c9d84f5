"""Where this user's cache is: one answer for compiled code, demonstrations and fetched experts."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def cache_folder(name: str) -> Path:
    """`name` in the user's cache, which is not made here.

    The cache is `XDG_CACHE_HOME`, else `.cache` in the home. A process without either, as some
    services are, gets a folder of its user's in the place for temporary files.
    """
    chosen = os.environ.get("XDG_CACHE_HOME")
    if chosen:
        return Path(chosen) / name
    try:
        return Path.home() / ".cache" / name
    except RuntimeError:  # no HOME, and the user is in no list
        return Path(tempfile.gettempdir()) / f"cache-{os.getuid()}" / name
