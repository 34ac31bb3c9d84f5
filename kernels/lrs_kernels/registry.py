"""The cells that there are: those of this package, and those that users register."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from lrs_kernels.cell import Cell

_cells: dict[str, Cell] = {}


def register_cell(cell: Cell) -> Cell:
    """Make a cell known by its name: `recurrent_scan` runs it, `explain` lists it.

    Args:
        cell: the descriptor.

    Returns:
        The same, so that a module can write `CELL = register_cell(Cell(...))`.

    Raises:
        ValueError: if another cell has this name.

    """
    if _cells.setdefault(cell.name, cell) is not cell:
        raise ValueError(f"there is a cell {cell.name!r} already: choose another name")
    return cell


def find_cell(name: str) -> Cell:
    """The cell of this name.

    Raises:
        ValueError: if there is none, with the names that there are.

    """
    if name not in _cells:
        known = ", ".join(_cells)
        raise ValueError(f"cell is {name!r}, expected one of {known}; register_cell adds others")
    return _cells[name]


def cells() -> Mapping[str, Cell]:
    """All registered cells by name."""
    return MappingProxyType(_cells)
