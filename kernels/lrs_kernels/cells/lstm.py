"""Long short-term memory (LSTM) as `torch.nn.LSTM`; matrices in its order i, f, g, o.

i, f, g, o = sigmoid, sigmoid, tanh, sigmoid of z = x + W h_{t-1},
c_t = f c_{t-1} + i g,    h_t = o tanh(c_t).
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from lrs_kernels.cell import Cell, Extras, Products, States, Variant
from lrs_kernels.registry import register_cell


def _step(x: Tensor, recur: Products, states: States, extras: Extras) -> States:
    state, cell = states
    i, f, g, o = (x + recur(state)).chunk(4, dim=-1)
    cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(cell), cell


_ACTIVATIONS = ("sigmoid", "sigmoid", "tanh", "sigmoid", "tanh")

CELL = register_cell(
    Cell(
        "lstm",
        variants={"standard": Variant(_step, (4,), activations=_ACTIVATIONS)},
        states=("h", "c"),
        saved=4,  # i, f, g, o
        cpu="lrs_kernels.cpu.lstm",
        native=Path(__file__).parents[1] / "native" / "cells" / "lstm.h",
        triton="lrs_kernels.triton.kernels.lstm",
    )
)
