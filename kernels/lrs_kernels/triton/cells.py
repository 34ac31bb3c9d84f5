"""Which kernel a call asks for, and what its backward pass reads."""

from __future__ import annotations

import importlib
from functools import cache

from torch import Tensor

from lrs_kernels.cell import Cell
from lrs_kernels.passes import Inputs, Trace
from lrs_kernels.registry import cells
from lrs_kernels.triton.kernels.cell import CellKernels, KernelCell


@cache
def kernels_of(cell: Cell) -> CellKernels:
    """What the Triton file of a cell brings."""
    assert cell.triton is not None  # the dispatcher has asked
    found = importlib.import_module(cell.triton).KERNELS
    assert isinstance(found, CellKernels)
    return found


@cache
def kernel_cell(cell: Cell, variant: str, gates: int) -> KernelCell:
    """The cell of a call with so many recurrent matrices, as kernels see it."""
    found, usual = kernels_of(cell), next(iter(cell.variants.values())).gates[0]
    return KernelCell(
        name=cell.name if gates == usual else f"{cell.name}{gates}",
        gates=gates,
        saved=cell.saved,
        after=gates - 1 if cell.joins_late else -1,
        functions=found.functions[variant],
        tables=found,
    )


def kernel_cells() -> dict[str, tuple[Cell, KernelCell]]:
    """Every cell with kernels by the name that reports have for it; of its variants the first."""
    named: dict[str, tuple[Cell, KernelCell]] = {}
    for cell in cells().values():
        for variant, form in cell.variants.items():
            if cell.triton is not None and form.by_hand:
                for gates in form.gates:
                    found = kernel_cell(cell, variant, gates)
                    named.setdefault(found.name, (cell, found))
    return named


def history(cell: KernelCell, inputs: Inputs, trace: Trace) -> tuple[Tensor | None, Tensor | None]:
    """The states that the way back reads, `(P, T, B, H)`, and what was before step 0."""
    wanted = cell.functions.history
    if wanted is None:
        return None, None
    kept = (trace.states, inputs.h0) if wanted == "y" else (trace.cells, inputs.c0)
    return kept if cell.functions.wants_before else (kept[0], None)
