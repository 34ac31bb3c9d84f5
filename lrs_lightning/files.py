"""Write a file whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lrs_lightning.errors import DataError


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
    folder = make_folder(path.parent)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=folder)
        os.close(handle)
    except OSError as error:
        raise cannot_write(path, error) from error
    unfinished = Path(name)
    try:
        yield unfinished
        _sync(unfinished)
        unfinished.chmod(0o644)  # mkstemp keeps others out, which is not wanted of a result
        os.replace(unfinished, path)
        _sync(folder)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with suppress(OSError):  # an unlink that fails must not hide what failed before
            unfinished.unlink(missing_ok=True)


def write_whole(path: str | Path, content: str | bytes) -> Path:
    """Write text (as UTF-8) or bytes to `path`, whole or not at all, and return it.

    Raises:
        DataError: the file cannot be written.
    """
    with whole_file(path) as unfinished:
        unfinished.write_bytes(content.encode() if isinstance(content, str) else content)
    return Path(path)


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


def cannot_write(path: Path, error: OSError) -> DataError:
    """The sentence for a path that cannot be written."""
    reason = error.strerror or type(error).__name__
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DataError(f"cannot write {path} ({reason}): free some space there")
    return DataError(f"cannot write {path} ({reason}): choose another folder or mend its rights")


def _sync(path: Path) -> None:
    """Have the system write a file, or the entries of a folder, to the disk now."""
    if path.is_dir() and os.name != "posix":  # elsewhere a folder cannot be opened
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
