"""Write a file whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lrs_lightning.errors import DataError

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """An empty file to fill, which takes the place of `path` when the block ends without an error.

    It lies beside `path`, so that the last step is a rename within one file system: a reader sees
    the old file or the new one, after a loss of power as well. What fails leaves the old file and
    no litter.

    Args:
        path: the file to write; its folder is made.

    Yields:
        Where to write, with the same suffix as `path`.

    Raises:
        DataError: the file cannot be written.

    Example:
        >>> with whole_file("weights.bin") as unfinished:
        ...     unfinished.write_bytes(b"...")
    """
    path = Path(path)
    with folder_for(path) as folder, _beside(path, folder) as unfinished:
        try:
            yield unfinished
            _sync(unfinished)
            unfinished.chmod(0o644)  # mkstemp keeps others out, which is not wanted of a result
            os.replace(unfinished, path)
            _sync(folder)
        except OSError as error:
            raise cannot_write(path, error) from error


def append_whole(handle: int, content: bytes) -> None:
    """Add bytes at the end of an open file: all of them, or none.

    Args:
        handle: of a file that was opened with `os.O_APPEND`.
        content: what is added.

    Raises:
        OSError: it cannot be written; the file is as long as it was.
    """
    end = os.fstat(handle).st_size
    try:
        written = os.write(handle, content)
        while written < len(content):  # a nearly full disk takes a part and refuses the rest
            written += os.write(handle, content[written:])
    except OSError:
        with suppress(OSError):
            os.ftruncate(handle, end)
        raise


def write_whole(path: str | Path, content: str | bytes) -> Path:
    """Write text (as UTF-8) or bytes to `path`, whole or not at all, and return it.

    Raises:
        DataError: the file cannot be written.
    """
    with whole_file(path) as unfinished:
        unfinished.write_bytes(content.encode() if isinstance(content, str) else content)
    return Path(path)


@contextmanager
def folder_for(path: Path) -> Iterator[Path]:
    """The folder of a file, made where it is missing; one that stays empty goes again.

    Raises:
        DataError: it cannot be made.
    """
    made = [folder for folder in path.parents if not folder.exists()]
    try:
        yield make_folder(path.parent)
    except BaseException:
        with suppress(OSError):  # the first that is not empty, or was never made
            for folder in made:
                folder.rmdir()
        raise


def check_folder(folder: Path) -> None:
    """Whether a folder can be made or filled, before there is anything to write; nothing is made.

    Raises:
        DataError: a file stands in its place, or its rights forbid it.
    """
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not there.is_dir():
        raise cannot_write(folder, NotADirectoryError(errno.ENOTDIR, f"{there} is a file"))
    if not os.access(there, os.W_OK | os.X_OK):
        raise cannot_write(folder, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


def make_folder(folder: Path) -> Path:
    """Create `folder` with its parents.

    Raises:
        DataError: it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    return folder


def file_name(text: str, longest: int = 200) -> str:
    """A name for a file or folder: `text` where it can be one, else as much of it as can.

    What was cut or replaced leaves a hash of the whole, so that different texts have different
    names.

    Args:
        text: anything; `/` becomes `-` and is not hashed.
        longest: bytes of the name; file systems take 255.
    """
    plain = text.replace("/", "-")
    name = "".join(c if c.isprintable() else "_" for c in plain)
    if name == plain and len(name.encode()) <= longest and name not in ("", ".", ".."):
        return name
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    start = name.encode("utf-8")[: longest - len(digest) - 1].decode("utf-8", "ignore")
    return f"{start}-{digest}"


@contextmanager
def naming(folder: Path) -> Iterator[None]:
    """Name the folder that libraries write into where its disk is full or read-only.

    One that writes in a thread of its own, as TensorBoard's does, raises when it is next called:
    what the thread prints is left out.

    Raises:
        DataError: in place of the library's `OSError`, with the notes that it has.
    """
    before = threading.excepthook

    def hook(told: threading.ExceptHookArgs) -> None:
        if not (isinstance(told.exc_value, OSError) and is_full_or_read_only(told.exc_value)):
            before(told)

    threading.excepthook = hook
    try:
        yield
    except OSError as error:
        if not is_full_or_read_only(error):
            raise
        sentence = cannot_write(error.filename or folder, error)
        for note in getattr(error, "__notes__", ()):
            sentence.add_note(note)
        raise sentence from error
    finally:
        threading.excepthook = before


def is_full_or_read_only(error: OSError) -> bool:
    """Whether it is the disk that refuses, whatever was to be written."""
    return error.errno in (*_FULL, errno.EROFS)


def cannot_write(path: str | Path, error: OSError) -> DataError:
    """The sentence for a path that cannot be written."""
    reason = _reason(error)
    if error.errno in _FULL:
        return DataError(f"cannot write {path} ({reason}): free some space there")
    return DataError(f"cannot write {path} ({reason}): choose another folder or mend its rights")


@contextmanager
def _beside(path: Path, folder: Path) -> Iterator[Path]:
    """An empty file of a name of its own, which is gone afterwards if nobody has renamed it."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=folder)
        os.close(handle)
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        yield Path(name)
    finally:
        with suppress(OSError):  # an unlink that fails must not hide what failed before
            Path(name).unlink(missing_ok=True)


def _reason(error: OSError) -> str:
    """What the system says; libraries put a page of their own around it."""
    if error.errno is not None:
        return os.strerror(error.errno)
    return error.strerror or type(error).__name__


def _sync(path: Path) -> None:
    """Have the system write a file, or the entries of a folder, to the disk now."""
    if path.is_dir() and os.name != "posix":  # elsewhere a folder cannot be opened
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
