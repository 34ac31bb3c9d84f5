"""Which cell a call asks for, and what its backward pass reads."""

from __future__ import annotations

from torch import Tensor

from lrs_kernels.passes import Call, Inputs, Trace
from lrs_kernels.triton.kernels.cell import Cell
from lrs_kernels.triton.kernels.cfc import CFC, CFC4, CFC4_NO_GATE, CFC_NO_GATE
from lrs_kernels.triton.kernels.gru import GRU
from lrs_kernels.triton.kernels.lstm import LSTM
from lrs_kernels.triton.kernels.rnn import RNN, RNN_RELU

CELLS: dict[tuple[str, str, int], Cell] = {
    ("cfc", "default", 3): CFC,
    ("cfc", "default", 4): CFC4,
    ("cfc", "no_gate", 3): CFC_NO_GATE,
    ("cfc", "no_gate", 4): CFC4_NO_GATE,
    ("lstm", "default", 4): LSTM,
    ("gru", "default", 3): GRU,
    ("rnn", "tanh", 1): RNN,
    ("rnn", "relu", 1): RNN_RELU,
}
"""(cell, variant, recurrent matrices) of a call -> what its kernels are compiled for."""


def cell_of(call: Call, gates: int) -> Cell:
    """The cell of a call with so many recurrent matrices."""
    return CELLS[call.cell, call.variant, gates]


def history(cell: Cell, inputs: Inputs, trace: Trace) -> tuple[Tensor | None, Tensor | None]:
    """The states that the way back reads, `(P, T, B, H)`, and what was before step 0."""
    if cell.history is None:
        return None, None
    kept = (trace.states, inputs.h0) if cell.history == "y" else (trace.cells, inputs.c0)
    return kept if cell.wants_before else (kept[0], None)
