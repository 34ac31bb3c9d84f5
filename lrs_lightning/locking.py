"""One writer at a time; readers need no lock.

The system lets go of the lock of a process that was killed, so that none is ever stale.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from filelock import FileLock, Timeout

from lrs_lightning.errors import DataError
from lrs_lightning.files import cannot_write, make_folder

LOCK = ".lock"
"""Its name in the folder that it guards."""

_OURS: ContextVar[frozenset[Path]] = ContextVar("folders that this thread is alone in")


@contextmanager
def locked(lock: Path) -> Iterator[None]:
    """Wait until nobody else holds the lock, and hold it until the block ends.

    The file stays, since whoever waits for it has it open.

    Args:
        lock: a file for nothing else; its folder is made.

    Raises:
        DataError: the folder cannot be made, or cannot be locked.
    """
    held = _acquired(lock, timeout=-1)
    try:
        yield
    finally:
        held.release()


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Be the only one who writes into a folder, or be refused at once.

    The folder is made; of the lock, and of folders that stay empty, nothing is left afterwards.
    Within the block the same thread may ask for the folder again, as a run does whose evaluation
    writes there too.

    Args:
        folder: what is written to in the block.

    Raises:
        DataError: another process writes there, or the folder cannot be made or locked.
    """
    ours = _OURS.get(frozenset())
    if folder.resolve() in ours:
        yield
        return
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    lock = folder / LOCK
    try:
        held = _acquired(lock, timeout=0)
    except Timeout as error:
        raise DataError(
            f"another process is writing into {folder}: wait for its end, or choose another folder"
        ) from error
    entered = _OURS.set(ours | {folder.resolve()})
    try:
        yield
    finally:
        _OURS.reset(entered)
        # While it is held: who has just opened it will find that it is gone, and look again.
        with suppress(OSError):
            lock.unlink()
        held.release()
        with suppress(OSError):  # the first that is not empty
            for path in made:
                path.rmdir()


def _acquired(lock: Path, timeout: float) -> FileLock:
    folder = make_folder(lock.parent)
    held = FileLock(lock, poll_interval=0.01)
    try:
        held.acquire(timeout=timeout)
    except Timeout:  # an OSError too
        raise
    except NotImplementedError as error:
        raise DataError(f"{folder} lies where files cannot be locked: choose another") from error
    except OSError as error:
        raise cannot_write(folder, error) from error
    return held
