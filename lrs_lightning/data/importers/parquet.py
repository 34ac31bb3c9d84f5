"""Demonstrations as Parquet: a row a step; columns of numbers, or of lists of numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.data.importers._files import files_of, needed
from lrs_lightning.data.importers.assembling import Table
from lrs_lightning.data.importers.columns import needed_columns
from lrs_lightning.data.importers.file_map import FileMap
from lrs_lightning.data.importers.registry import register
from lrs_lightning.data.importers.table_importer import TableImporter
from lrs_lightning.errors import ArgumentError, DataError

_ROWS = 1 << 15
_BROKEN = (OSError, ValueError, KeyError, NotImplementedError)  # pyarrow's own are of these


@register
@dataclass(frozen=True)
class Parquet(TableImporter):
    """Parquet files; needs pyarrow (`pip install lrs-lightning[parquet]`).

    Args:
        map: what the columns mean; guessed from their names where None.
    """

    name: ClassVar[str] = "parquet"
    description: ClassVar[str] = ".parquet files, a row a step; columns of numbers, or of lists"

    @classmethod
    def recognises(cls, source: Path) -> bool:
        """A file, or a folder of them that is not LeRobot's."""
        return bool(files_of(source, ".parquet")) and not (source / "meta" / "info.json").exists()

    def tables(self, source: Path, map: FileMap | None) -> Iterator[Table]:
        """Some thousand rows at a time."""
        for file in needed(files_of(source, ".parquet"), source, "Parquet"):
            yield from read_parquet(file, map)


def read_parquet(file: Path, map: FileMap | None) -> Iterator[Table]:
    """Rows of a file; columns of anything but numbers are left out where no map asks for them.

    Raises:
        ArgumentError: pyarrow is not installed.
        DataError: the file is damaged, or a column that is needed holds no numbers.
    """
    parquet = _library()
    try:
        with parquet.ParquetFile(file, memory_map=False) as opened:
            names = opened.schema_arrow.names
            wanted = names if map is None else needed_columns(map, names, str(file))
            begins = True
            for batch in opened.iter_batches(batch_size=_ROWS, columns=wanted):
                arrays = ((n, _numbers(batch.column(n), n, file, map is not None)) for n in wanted)
                columns = {name: values for name, values in arrays if values is not None}
                yield Table(str(file), columns, begins)
                begins = False
    except _BROKEN as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{file} cannot be read ({reason})") from None


def _library() -> Any:
    try:
        from pyarrow import parquet
    except ImportError:
        raise ArgumentError(
            "Parquet files need pyarrow: pip install 'lrs-lightning[parquet]'"
        ) from None
    return parquet


def _numbers(column: Any, name: str, file: Path, needed: bool) -> NDArray[Any] | None:
    """`(L,)`, or `(L, K)` of lists; None for what holds no numbers and is not needed."""
    import pyarrow as pa

    kind, width = column.type, 1
    flat = column
    nested = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    nested = nested or pa.types.is_fixed_size_list(kind)
    if nested:
        flat, kind = column.flatten(), kind.value_type
        width = len(flat) // max(len(column), 1)
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        if needed:
            raise DataError(f"{file}: column {name!r} is of type {column.type}, expected numbers")
        return None
    if column.null_count or flat.null_count:
        raise DataError(f"{file}: column {name!r} has cells without a number")
    values: NDArray[Any] = np.asarray(flat.to_numpy(zero_copy_only=False))
    if not nested:
        return values
    if len(values) != width * len(column):
        raise DataError(f"{file}: the lists of column {name!r} have different lengths")
    lengths = np.diff(np.asarray(column.offsets)) if hasattr(column, "offsets") else None
    if lengths is not None and len(lengths) and (lengths != width).any():
        raise DataError(f"{file}: the lists of column {name!r} have different lengths")
    return values.reshape(len(column), width)
