"""An HDF5 file of somebody else's: opened without following what leads out of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from lrs_lightning.data.stored_array import find_array, names_in
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
