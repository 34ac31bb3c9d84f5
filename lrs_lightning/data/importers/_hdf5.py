"""An HDF5 file of somebody else's: opened without following what leads out of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from lrs_lightning.data.importers._pictures import decoded, is_lossy, together
from lrs_lightning.data.stored_array import find_array, find_byte_rows, names_in
from lrs_lightning.errors import DataError

_BROKEN = (OSError, ValueError, TypeError, RuntimeError, MemoryError, KeyError)
_MOST_TEXT = 1 << 20


@contextmanager
def opened(file: Path) -> Iterator[h5py.File]:
    """The file; whatever HDF5 has to say of it becomes a sentence.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with h5py.File(file, "r") as found:
            yield found
    except DataError as error:
        known = str(error).startswith(str(file))
        raise error if known else DataError(f"{file}: {error}") from None
    except _BROKEN as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{file} cannot be read ({reason})") from None


def arrays_below(file: h5py.File, group: str) -> dict[str, NDArray[Any]]:
    """Name -> numbers of all arrays in a group and in the groups in it; empty where there is none.

    Raises:
        DataError: one is a link or no plain array of numbers.
    """
    return {name: read(file, f"{group}/{name}") for name in names_in(file, group)}


def read(file: h5py.File, place: str) -> NDArray[Any]:
    """An array of numbers.

    Raises:
        KeyError: there is none.
        DataError: it is a link or no plain array of numbers.
    """
    values: NDArray[Any] = np.asarray(find_array(file, place)[()])
    return values


def read_pictures(file: h5py.File, place: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """Pictures `(L, ...)`: an array of them, or each a row of the bytes of a PNG or JPEG.

    Raises:
        KeyError: there are none.
        DataError: a link, another type, or a picture that cannot be read.
    """
    rows = find_byte_rows(file, place)
    if rows.shape[1:] == shape:
        return np.asarray(rows[()])
    each = enumerate(rows)
    return together([decoded(_bytes(row), f"{place}, step {step}") for step, row in each], place)


def holds_jpeg(file: h5py.File, place: str, shape: tuple[int, ...]) -> bool:
    """Whether `read_pictures` would find JPEG there; the first picture tells."""
    rows = find_byte_rows(file, place)
    return rows.shape[1:] != shape and len(rows) > 0 and is_lossy(_bytes(rows[0]))


def _bytes(row: Any) -> bytes:
    return np.asarray(row, np.uint8).tobytes()


def attribute(group: h5py.Group, name: str) -> Any:
    """A plain value that is written beside a group; None where there is none.

    Raises:
        DataError: it is longer than a description.
    """
    if name not in group.attrs:
        return None
    value = group.attrs[name]
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str) and len(value) > _MOST_TEXT:
        raise DataError(f"the attribute {name!r} is too long")
    return value.item() if isinstance(value, np.generic) else value
