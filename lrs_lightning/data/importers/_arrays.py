"""Arrays of an `.npz` file; nothing in it is executed."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.errors import DataError

_DENSEST = 1100  # deflate makes at most 1,032 bytes of one
_SLACK = 1 << 16
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
            wanted = [name for name in [*names, *optional] if name in arrays]
            _refuse_empty_claims(file, arrays, wanted)
            return {name: arrays[name] for name in wanted}
    except _BROKEN as error:
        raise DataError(f"{file} cannot be read ({error}): copy it again") from None


def _refuse_empty_claims(file: Path, arrays: np.lib.npyio.NpzFile, names: list[str]) -> None:
    """A few bytes may claim a billion numbers, and NumPy makes room for them before it reads."""
    archive: Any = arrays.zip
    for name in names:
        member = name if name in archive.namelist() else f"{name}.npy"
        info = archive.getinfo(member)
        with archive.open(member) as stored:
            version = np.lib.format.read_magic(stored)
            header = np.lib.format.read_array_header_1_0 if version == (1, 0) else None
            shape, _, dtype = (header or np.lib.format.read_array_header_2_0)(stored)
        claimed = math.prod(shape) * dtype.itemsize
        if claimed > info.file_size or info.file_size > _DENSEST * info.compress_size + _SLACK:
            raise DataError(f"{file}: array {name!r} of shape {shape} claims more than is stored")


def names_of(file: Path) -> set[str]:
    """Names of the arrays; empty for what is no such file."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return set(arrays.files) if isinstance(arrays, np.lib.npyio.NpzFile) else set()
    except _BROKEN:
        return set()
