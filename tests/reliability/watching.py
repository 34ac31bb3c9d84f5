"""What Python does while a file is read: imports, files it opens, code it starts (audit events)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_FORBIDDEN = (
    "os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "pickle.find_class",
    "socket.connect", "socket.getaddrinfo", "ctypes.dlopen", "os.remove", "os.rename", "os.mkdir",
    "os.symlink", "os.link", "shutil.rmtree",
)  # fmt: skip
_watch: _Watch | None = None


class _Watch:
    """Collects what must not happen while only `folders` may be read."""

    def __init__(self, folders: tuple[Path, ...]) -> None:
        self.folders = tuple(os.path.realpath(folder) + os.sep for folder in folders)
        self.seen: list[str] = []

    def event(self, name: str, arguments: tuple[Any, ...]) -> None:
        if name == "import" and str(arguments[0]).partition(".")[0] not in sys.modules:
            self.seen.append(f"import {arguments[0]}")
        elif name == "open" and isinstance(arguments[0], str | bytes):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            if not (path + os.sep).startswith(self.folders):
                self.seen.append(f"open {path}")
        elif name in _FORBIDDEN:
            self.seen.append(f"{name} {arguments!r:.100}")


def _hook(name: str, arguments: tuple[Any, ...]) -> None:
    if _watch is not None:
        _watch.event(name, arguments)


sys.addaudithook(_hook)  # it cannot be taken away again, and does nothing without a watch


@contextmanager
def watched(*folders: Path) -> Iterator[list[str]]:
    """Yield the list of what happened that no reader may do."""
    global _watch
    _watch = _Watch(folders)
    try:
        yield _watch.seen
    finally:
        _watch = None
