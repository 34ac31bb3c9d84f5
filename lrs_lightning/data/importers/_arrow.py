"""Columns of Parquet as arrays: numbers, lists of numbers however deep, and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.data.importers import _pictures
from lrs_lightning.data.importers._files import checked
from lrs_lightning.documents import read_bytes
from lrs_lightning.errors import DataError

_DEEPEST = 4  # lists in lists: a stack of coloured pictures
_MEND = "copy the whole folder again"


def array_of(column: Any, where: str, root: Path) -> NDArray[Any] | None:
    """A column as `(L,)` or `(L, ...)`; None for what holds neither numbers nor pictures.

    Args:
        column: a `pyarrow.Array`.
        where: what a sentence names: file and column.
        root: the folder in which pictures are looked for that the column has as paths.

    Raises:
        DataError: a cell is empty, lists differ in length, or a picture cannot be read.
    """
    if hasattr(column, "storage"):  # of an extension type, such as an array of fixed shape
        column = column.storage
    if is_pictures(column.type):
        contents = [
            _content(cell, f"{where}, row {row}", root)
            for row, cell in enumerate(column.to_pylist())
        ]
        pictures = [
            _pictures.decoded(content, f"{where}, row {row}")
            for row, content in enumerate(contents)
        ]
        return _pictures.together(pictures, where)
    shape = [len(column)]
    while _is_list(column.type) and len(shape) <= _DEEPEST:
        shape.append(_length(column, where))
        column = column.flatten()
    if not _is_number(column.type):
        return None
    if column.null_count:
        raise DataError(f"{where} has cells without a number")
    values: NDArray[Any] = np.asarray(column.to_numpy(zero_copy_only=False))
    return values.reshape(shape)


def is_pictures(kind: Any) -> bool:
    """Whether a type is that of pictures: bytes, or a structure of bytes and path."""
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return bool({"bytes", "path"} & {kind.field(i).name for i in range(kind.num_fields)})
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def is_deep(kind: Any) -> bool:
    """Whether a row of a type may be large: a picture, or lists in lists."""
    return is_pictures(kind) or (_is_list(kind) and _is_list(kind.value_type))


def first_picture(column: Any, where: str, root: Path) -> bytes | None:
    """The file of the first picture of a column; None where it has none."""
    if not len(column) or not is_pictures(column.type):
        return None
    return _content(column[0].as_py(), where, root)


def _content(cell: Any, where: str, root: Path) -> bytes:
    """The bytes of a picture, which stand in the cell or in a file below `root`."""
    inside = cell.get("bytes") if isinstance(cell, dict) else cell
    if isinstance(inside, bytes):
        return inside
    path = cell.get("path") if isinstance(cell, dict) else None
    if not isinstance(path, str) or not path.lower().endswith(_pictures.ENDINGS):
        raise DataError(f"{where} holds no picture: expected the bytes of a PNG, or its path")
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise DataError(
            f"{where} names {path:.120}, which is not followed: give the path below {root}"
        )
    return read_bytes(checked(root / path, root), _MEND)


def _is_list(kind: Any) -> bool:
    import pyarrow as pa

    checks = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(check(kind) for check in checks)


def _is_number(kind: Any) -> bool:
    import pyarrow as pa

    checks = (pa.types.is_floating, pa.types.is_integer, pa.types.is_boolean)
    return any(check(kind) for check in checks)


def _length(column: Any, where: str) -> int:
    """The length that all lists of a column have."""
    if column.null_count:
        raise DataError(f"{where} has cells without a number")
    if hasattr(column.type, "list_size"):
        return int(column.type.list_size)
    lengths = np.diff(np.asarray(column.offsets))
    if len(lengths) and (lengths != lengths[0]).any():
        raise DataError(f"{where}: its lists have different lengths")
    return int(lengths[0]) if len(lengths) else 0
