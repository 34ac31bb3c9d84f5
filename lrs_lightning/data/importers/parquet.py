"""Demonstrations as Parquet: a row a step; columns of numbers, of lists of them, or of pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from numpy.typing import NDArray

from lrs_lightning.data.findings import Finding
from lrs_lightning.data.findings.base import listed
from lrs_lightning.data.importers._arrow import array_of, first_picture, is_deep, is_pictures
from lrs_lightning.data.importers._files import files_of, needed
from lrs_lightning.data.importers._pictures import is_lossy, lossy_finding
from lrs_lightning.data.importers.assembling import Table
from lrs_lightning.data.importers.columns import needed_columns
from lrs_lightning.data.importers.file_map import FileMap
from lrs_lightning.data.importers.registry import register
from lrs_lightning.data.importers.table_importer import TableImporter
from lrs_lightning.errors import ArgumentError, DataError

_ROWS = 1 << 15
_FEW_ROWS = 64  # of pictures, which are large once they are decoded
_BROKEN = (OSError, ValueError, KeyError, NotImplementedError)  # pyarrow's own are of these


@register
@dataclass(frozen=True)
class Parquet(TableImporter):
    """Parquet files; needs pyarrow (`pip install lrs-lightning[parquet]`).

    Args:
        map: what the columns mean; guessed from their names where None.
    """

    name: ClassVar[str] = "parquet"
    description: ClassVar[str] = ".parquet files, a row a step; numbers, lists or pictures"

    @classmethod
    def recognises(cls, source: Path) -> bool:
        """A file, or a folder of them that is not LeRobot's."""
        return bool(files_of(source, ".parquet")) and not (source / "meta" / "info.json").exists()

    def tables(self, source: Path, map: FileMap | None) -> Iterator[Table]:
        """Some thousand rows at a time."""
        for file in needed(files_of(source, ".parquet"), source, "Parquet"):
            yield from read_parquet(file, map, file.parent)

    def findings(self, source: Path, env: str | None) -> list[Finding]:
        """What the map says, and pictures that are JPEG."""
        files, map = files_of(source, ".parquet"), self._named_map(source, env)
        return [*super().findings(source, env), *lossy_pictures(files, map)]


def read_parquet(file: Path, map: FileMap | None, root: Path) -> Iterator[Table]:
    """Rows of a file; columns of anything else are left out where no map asks for them.

    Args:
        file: the file.
        map: which columns are read; all where None.
        root: the folder below which pictures lie that a column names.

    Raises:
        ArgumentError: pyarrow is not installed.
        DataError: the file is damaged, or a column that is needed holds no numbers.
    """
    parquet = _library()
    try:
        with parquet.ParquetFile(file, memory_map=False) as opened:
            names = opened.schema_arrow.names
            wanted = names if map is None else needed_columns(map, names, str(file))
            rows = _FEW_ROWS if any(_is_deep(opened, name) for name in wanted) else _ROWS
            begins = True
            for batch in opened.iter_batches(batch_size=rows, columns=wanted):
                arrays = ((n, _values(batch.column(n), n, file, map, root)) for n in wanted)
                columns = {name: values for name, values in arrays if values is not None}
                yield Table(str(file), columns, begins)
                begins = False
    except _BROKEN as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{file} cannot be read ({reason})") from None


def lossy_pictures(files: list[Path], map: FileMap, root: Path | None = None) -> list[Finding]:
    """A finding where the first picture of any file is JPEG."""
    parquet, found = _library(), []
    for file in files:
        with parquet.ParquetFile(file, memory_map=False) as opened:
            wanted = needed_columns(map, opened.schema_arrow.names, str(file))
            pictures = [n for n in wanted if is_pictures(opened.schema_arrow.field(n).type)]
            batch = next(opened.iter_batches(batch_size=1, columns=pictures), None)
        first = [first_picture(c, str(file), root or file.parent) for c in batch or ()]
        found += [str(file) for content in first if content and is_lossy(content)]
    return [lossy_finding(listed(found, 2))] if found else []


def _is_deep(opened: Any, name: str) -> bool:
    return is_deep(opened.schema_arrow.field(name).type)


def _values(
    column: Any, name: str, file: Path, map: FileMap | None, root: Path
) -> NDArray[Any] | None:
    """An array; without a map None for what cannot be read as one."""
    where = f"{file}: column {name!r}"
    try:
        values = array_of(column, where, root)
    except DataError:
        if map is None and is_pictures(column.type):
            return None
        raise
    if values is None and map is not None:
        raise DataError(f"{where} is of type {column.type}, expected numbers or pictures")
    return values


def _library() -> Any:
    try:
        from pyarrow import parquet
    except ImportError:
        raise ArgumentError(
            "Parquet files need pyarrow: pip install 'lrs-lightning[parquet]'"
        ) from None
    return parquet
