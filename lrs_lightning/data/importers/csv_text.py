"""Demonstrations as text: rows of numbers, with or without a line of names above them."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, TextIO

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.data.importers._files import files_of, needed
from lrs_lightning.data.importers.assembling import Table
from lrs_lightning.data.importers.columns import needed_columns
from lrs_lightning.data.importers.file_map import FileMap
from lrs_lightning.data.importers.registry import register
from lrs_lightning.data.importers.table_importer import TableImporter
from lrs_lightning.errors import DataError

_ENDINGS = (".csv", ".tsv")
_ROWS = 1 << 15  # that are read at once: a few megabytes
_LONGEST_LINE = 1 << 20


@register
@dataclass(frozen=True)
class Csv(TableImporter):
    """Text files of numbers.

    Args:
        map: what the columns mean; guessed from their names, or from the task's widths, where None.
    """

    name: ClassVar[str] = "csv"
    description: ClassVar[str] = ".csv or .tsv files of numbers, a row a step, an episode a file"

    @classmethod
    def recognises(cls, source: Path) -> bool:
        """A text file, or a folder of them."""
        return bool(files_of(source, *_ENDINGS))

    def tables(self, source: Path, map: FileMap | None) -> Iterator[Table]:
        """Some thousand rows at a time."""
        for file in needed(files_of(source, *_ENDINGS), source, "CSV"):
            yield from _read(file, map)


def _read(file: Path, map: FileMap | None) -> Iterator[Table]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            first = text.readline(_LONGEST_LINE)
            if not first.strip() or len(first) == _LONGEST_LINE:
                raise DataError(f"{file} begins with no row of numbers")
            delimiter = _delimiter(first)
            names, named = _names(first, delimiter, file)
            if not named:
                text.seek(0)
            wanted = names if map is None else needed_columns(map, names, str(file))
            yield from _rows(text, file, names, wanted, delimiter, 2 if named else 1)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read ({error})") from None


def _rows(
    text: TextIO, file: Path, names: list[str], wanted: list[str], delimiter: str | None, line: int
) -> Iterator[Table]:
    places = [names.index(name) for name in wanted]
    begins = True
    while lines := list(islice(text, _ROWS)):
        values = _numbers(lines, places, delimiter, file, line)
        line += len(lines)
        if len(values):
            columns = {name: values[:, i] for i, name in enumerate(wanted)}
            yield Table(str(file), columns, begins)
            begins = False
    if begins:
        raise DataError(f"{file} has no rows: leave it out")


def _numbers(
    lines: list[str], places: list[int], delimiter: str | None, file: Path, line: int
) -> NDArray[Any]:
    """Rows `(L, columns)`; a cell that is no number is named."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of lines that are all empty
            return np.loadtxt(
                lines, delimiter=delimiter, usecols=places, ndmin=2, quotechar='"', comments=None
            )
    except ValueError:
        raise DataError(_fault(lines, places, delimiter, file, line)) from None


def _fault(
    lines: list[str], places: list[int], delimiter: str | None, file: Path, line: int
) -> str:
    """Which cell is no number."""
    for number, row in enumerate(lines, start=line):
        cells = _cells(row, delimiter)
        if not cells:
            continue
        if len(cells) <= max(places):
            return f"{file}, line {number} has {len(cells)} columns, expected {max(places) + 1}"
        for place in places:
            if not _is_number(cells[place]):
                shown = cells[place][:40]
                return f"{file}, line {number}, column {place}: {shown!r} is no number"
    return f"{file} from line {line}: these are no rows of numbers"


def _delimiter(line: str) -> str | None:
    """The sign between the columns; None for white space."""
    counts = {sign: line.count(sign) for sign in ",;\t"}
    sign = max(counts, key=lambda s: counts[s])
    return sign if counts[sign] else None


def _names(line: str, delimiter: str | None, file: Path) -> tuple[list[str], bool]:
    """Names of the columns and whether the file has any; else their places."""
    cells = _cells(line, delimiter)
    if all(map(_is_number, cells)):
        return [str(place) for place in range(len(cells))], False
    names = [cell.lstrip("# ").strip() for cell in cells]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{file}: two columns are named {twice!r}: give them names of their own")
    return names, True


def _cells(line: str, delimiter: str | None) -> list[str]:
    if delimiter is None:
        return line.split()
    return [cell.strip() for row in csv.reader([line], delimiter=delimiter) for cell in row]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
