"""Which files of a folder are opened, by whatever library: asked of the kernel (inotify)."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_IN_OPEN, _IN_NONBLOCK = 0x20, os.O_NONBLOCK


@contextmanager
def never_opened(folder: Path) -> Iterator[None]:
    """Fail if any file in `folder` is opened within the block."""
    if sys.platform != "linux":
        pytest.skip("needs inotify")
    library = ctypes.CDLL(None, use_errno=True)
    handle = library.inotify_init1(_IN_NONBLOCK)
    assert handle >= 0 and library.inotify_add_watch(handle, os.fsencode(folder), _IN_OPEN) > 0
    try:
        yield
        try:
            events = os.read(handle, 4096)
        except BlockingIOError:
            events = b""
        assert not events, f"a file in {folder} was opened: {events!r}"
    finally:
        os.close(handle)
