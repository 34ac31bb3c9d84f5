"""Arrays of an `.npz` file; nothing in it is executed."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.errors import DataError

_BROKEN = (OSError, ValueError, EOFError, zipfile.BadZipFile)


def read_arrays(
    file: Path, names: Iterable[str], optional: Iterable[str] = ()
) -> dict[str, NDArray[Any]]:
    """Arrays by name.

    Args:
        file: the file.
        names: those that must be there.
        optional: those that are left out where they are not there.

    Raises:
        DataError: an array is missing, or the file is damaged or holds Python objects.
    """
    names = list(names)
    try:
        with np.load(file, allow_pickle=False) as arrays:
            missing = [name for name in names if name not in arrays]
            if missing:
                raise DataError(
                    f"{file} has no array {missing[0]!r}: expected {' and '.join(names)}, and it "
                    f"has {', '.join(sorted(arrays)) or 'none'}"
                )
            return {name: arrays[name] for name in [*names, *optional] if name in arrays}
    except _BROKEN as error:
        raise DataError(f"{file} cannot be read ({error}): copy it again") from None


def names_of(file: Path) -> set[str]:
    """Names of the arrays; empty for what is no such file."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return set(arrays.files) if isinstance(arrays, np.lib.npyio.NpzFile) else set()
    except _BROKEN:
        return set()
