"""The closed-form continuous-time cell (CfC; Hasani et al. 2022, without backbone).

    [g, h] = tanh([z_G, z_H]),    f = sigmoid(z_F)    (three gates; four: f = sigmoid(z_A + z_B)),
    h_t = g (1 - f) + h f,        without gate (ncps' mode no_gate): h_t = g + h f.

The kernel has multiplied z_F (with four gates z_A) by the time span. Gate order G, H, F or, as ncps
has it, G, H, A, B; saved are g, h, f.
"""

from __future__ import annotations

import triton
import triton.language as tl

from lrs_kernels.triton.kernels.activations import sigmoid, tanh
from lrs_kernels.triton.kernels.cell import CellKernels, Functions
from lrs_kernels.triton.table import HELD, SCALAR, Tile


@triton.jit
def _activate(z, K: tl.constexpr):
    """g, h and f."""
    time = z[2]
    if K.cell.gates == 4:
        time += z[3]
    return tanh(z[0], K.FAST), tanh(z[1], K.FAST), sigmoid(time, K.FAST)


@triton.jit
def _per_gate(dz_g, dz_h, dz_f, K: tl.constexpr):
    """Gradients of the pre-activations: with four gates that of f belongs to A and B."""
    if K.cell.gates == 4:
        return dz_g, dz_h, dz_f, dz_f
    else:
        return dz_g, dz_h, dz_f


@triton.jit
def cfc_step(z, x, state, cell, K: tl.constexpr):
    """One step with the gate."""
    g, h, f = _activate(z, K)
    return (g, h, f), g + f * (h - g), cell


@triton.jit
def cfc_grad(d, d_cell, saved, now, before, K: tl.constexpr):
    """Gradients of one step with the gate."""
    g, h, f = saved
    d_f = d * f
    dz_g = (d - d_f) * (1.0 - g * g)
    dz_h = d_f * (1.0 - h * h)
    dz_f = d_f * (h - g) * (1.0 - f)
    dz = _per_gate(dz_g, dz_h, dz_f, K)
    return dz, dz, tl.zeros_like(d), d_cell


@triton.jit
def no_gate_step(z, x, state, cell, K: tl.constexpr):
    """One step without the gate."""
    g, h, f = _activate(z, K)
    return (g, h, f), g + f * h, cell


@triton.jit
def no_gate_grad(d, d_cell, saved, now, before, K: tl.constexpr):
    """Gradients of one step without the gate."""
    g, h, f = saved
    d_f = d * f
    dz_f = d_f * h * (1.0 - f)
    dz = _per_gate(d * (1.0 - g * g), d_f * (1.0 - h * h), dz_f, K)
    return dz, dz, tl.zeros_like(d), d_cell


KERNELS = CellKernels(
    functions={
        "paper": Functions(cfc_step, cfc_grad),
        "default": Functions(cfc_step, cfc_grad),
        "no_gate": Functions(no_gate_step, no_gate_grad),
    },
    resident={
        (3, "forward", "bf16"): HELD,
        (3, "backward", "bf16"): HELD,
        (4, "forward", "bf16"): HELD,
        (4, "backward", "bf16"): HELD,
        (3, "forward", "tf32"): {32: Tile(2), 64: Tile(4), 128: Tile(8)},
        (3, "backward", "tf32"): {32: Tile(2), 64: Tile(4), 128: Tile(8, rows=8)},
        (4, "forward", "tf32"): {32: Tile(2), 64: Tile(4)},
        (4, "backward", "tf32"): {32: Tile(2), 64: Tile(4)},
        (3, "forward", "tf32x3"): {32: Tile(2), 64: Tile(4)},
        (3, "backward", "tf32x3"): {32: Tile(2, rows=8), 64: Tile(8)},
        (4, "forward", "tf32x3"): {32: Tile(2), 64: Tile(4)},
        (4, "backward", "tf32x3"): {32: Tile(2, rows=8), 64: Tile(8)},
        (3, "forward", "ieee"): SCALAR,
        (3, "backward", "ieee"): SCALAR,
        (4, "forward", "ieee"): {32: Tile(4, rows=8), 64: Tile(8, rows=8)},
        (4, "backward", "ieee"): {32: Tile(4, rows=8), 64: Tile(8, rows=8)},
    },
    factored={
        (3, "forward", "bf16"): {(256, 16): Tile(8, rows=8), (256, 32): Tile(8, rows=8)},
        (3, "backward", "bf16"): {(256, 16): Tile(8, rows=8), (256, 32): Tile(8, rows=8)},
    },
)
