"""Write a file whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from lrs_lightning.errors import DataError


def write_whole(path: str | Path, content: str | bytes) -> Path:
    """Write beside the final place, then rename: a reader never sees half a file.

    Raises:
        DataError: the folder cannot be written.
    """
    path = Path(path)
    data = content.encode() if isinstance(content, str) else content
    folder = make_folder(path.parent)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=folder)
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)  # mkstemp keeps others out, which is not wanted of a result
        os.replace(name, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        Path(name).unlink(missing_ok=True)
    return path


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


def cannot_write(path: Path, error: OSError) -> DataError:
    """The sentence for a path that cannot be written."""
    reason = error.strerror or type(error).__name__
    return DataError(f"cannot write {path} ({reason}): choose another folder or mend its rights")
