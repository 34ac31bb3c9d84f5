"""The Elman network, as `torch.nn.RNN`: h_t = tanh(z), or relu in place of tanh.

The derivative of either is a function of h_t, so nothing but the states is saved.
"""

from __future__ import annotations

import triton
import triton.language as tl

from lrs_kernels.triton.kernels.activations import tanh
from lrs_kernels.triton.kernels.cell import CellKernels, Functions
from lrs_kernels.triton.table import HELD, SCALAR, Tile


@triton.jit
def tanh_step(z, x, state, cell, K: tl.constexpr):
    """One step with tanh."""
    return (), tanh(z[0], K.FAST), cell


@triton.jit
def tanh_grad(d, d_cell, saved, now, before, K: tl.constexpr):
    """Gradients of one step with tanh; `now` is h_t."""
    dz = (d * (1.0 - now * now),)
    return dz, dz, tl.zeros_like(d), d_cell


@triton.jit
def relu_step(z, x, state, cell, K: tl.constexpr):
    """One step with relu."""
    return (), tl.maximum(z[0], 0.0), cell


@triton.jit
def relu_grad(d, d_cell, saved, now, before, K: tl.constexpr):
    """Gradients of one step with relu; `now` is h_t."""
    dz = (tl.where(now > 0.0, d, 0.0),)
    return dz, dz, tl.zeros_like(d), d_cell


KERNELS = CellKernels(
    functions={
        "tanh": Functions(tanh_step, tanh_grad, history="y"),
        "relu": Functions(relu_step, relu_grad, history="y"),
    },
    resident={
        (1, "forward", "bf16"): {**HELD, 256: Tile(16, rows=8)},
        (1, "backward", "bf16"): {**HELD, 256: Tile(16, rows=8)},
        (1, "forward", "tf32"): {32: Tile(2), 64: Tile(4), 128: Tile(8)},
        (1, "backward", "tf32"): {32: Tile(2), 64: Tile(4), 128: Tile(8)},
        (1, "forward", "tf32x3"): {32: Tile(2), 64: Tile(8)},
        (1, "backward", "tf32x3"): {32: Tile(2), 64: Tile(8)},
        (1, "forward", "ieee"): SCALAR,
        (1, "backward", "ieee"): SCALAR,
    },
)
