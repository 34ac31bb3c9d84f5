"""Gated recurrent unit (GRU) as `torch.nn.GRU`; matrices in its order r, z, n.

    r, z = sigmoid(x_r + W_r h), sigmoid(x_z + W_z h),
    n = tanh(x_n + r (W_n h + b_n)),    h_t = (1 - z) n + z h_{t-1}.

The reset gate acts after the product, as in torch and cuDNN.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from lrs_kernels.cell import Cell, Extra, Extras, Products, States, Variant
from lrs_kernels.registry import register_cell


def _step(x: Tensor, recur: Products, states: States, extras: Extras) -> States:
    (state,) = states
    x_r, x_z, x_n = x.chunk(3, dim=-1)
    h_r, h_z, inner = recur(state).chunk(3, dim=-1)
    if "bias_n" in extras:
        inner = inner + extras["bias_n"]
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + r * inner)
    return ((1 - z) * n + z * state,)


CELL = register_cell(
    Cell(
        "gru",
        variants={
            "standard": Variant(_step, (3,), {"bias_n": Extra("H")}, ("sigmoid", "sigmoid", "tanh"))
        },
        saved=4,  # r, z, n and W_n h + b_n
        joins_late=True,
        cpu="lrs_kernels.cpu.gru",
        native=Path(__file__).parents[1] / "native" / "cells" / "gru.h",
        triton="lrs_kernels.triton.kernels.gru",
    )
)
