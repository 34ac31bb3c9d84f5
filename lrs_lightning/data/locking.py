"""One writer at a time; readers need no lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from lrs_lightning.errors import DataError
from lrs_lightning.files import cannot_write, make_folder

LOCK = ".lock"
"""Its name in the folder that it guards."""


@contextmanager
def locked(lock: Path) -> Iterator[None]:
    """Wait until no other process holds the lock, and hold it until the block ends.

    The system lets go of the lock of a process that was killed, so that none is ever stale. The
    file stays, since a waiting process has it open.

    Args:
        lock: a file for nothing else; its folder is made.

    Raises:
        DataError: the folder cannot be made, or cannot be locked.
    """
    folder = make_folder(lock.parent)
    held = FileLock(lock, poll_interval=0.01)
    try:
        held.acquire()
    except NotImplementedError as error:
        raise DataError(f"{folder} lies where files cannot be locked: choose another") from error
    except OSError as error:
        raise cannot_write(folder, error) from error
    try:
        yield
    finally:
        held.release()
