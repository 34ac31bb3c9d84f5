"""Elman network as `torch.nn.RNN`: `h_t = tanh(x + W h_{t-1})`, or relu in place of tanh."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from lrs_kernels.cell import Cell, Extras, Products, States, Variant
from lrs_kernels.registry import register_cell


def _tanh(x: Tensor, recur: Products, states: States, extras: Extras) -> States:
    return (torch.tanh(x + recur(states[0])),)


def _relu(x: Tensor, recur: Products, states: States, extras: Extras) -> States:
    return (torch.relu(x + recur(states[0])),)


CELL = register_cell(
    Cell(
        "rnn",
        variants={
            "tanh": Variant(_tanh, (1,), activations=("tanh",)),
            "relu": Variant(_relu, (1,), activations=("relu",)),
        },
        # The derivatives are functions of h_t: nothing is saved beside the states.
        cpu="lrs_kernels.cpu.rnn",
        native=Path(__file__).parents[1] / "native" / "cells" / "rnn.h",
        triton="lrs_kernels.triton.kernels.rnn",
    )
)
