"""The gated recurrent unit (GRU), as `torch.nn.GRU`; gate order r, z, n.

    h_t = (1 - z) n + z h_{t-1},    n = tanh(x_n + r (W_n h_{t-1} + b_n)).

r acts after the product, so one round of products per step is enough (before the product it would
take two, one waiting for the other). What r multiplies, `inner`, is saved beside the gates. Its
gradient and that of x_n differ, so the way back gives both.
"""

from __future__ import annotations

import triton
import triton.language as tl

from lrs_kernels.triton.kernels.activations import sigmoid, tanh
from lrs_kernels.triton.kernels.cell import CellKernels, Functions
from lrs_kernels.triton.table import HELD, HELD_SINGLY, SCALAR, Tile


@triton.jit
def gru_step(z, x, state, cell, K: tl.constexpr):
    """One step; the third of z is `inner`."""
    inner = z[2]
    r = sigmoid(z[0], K.FAST)
    u = sigmoid(z[1], K.FAST)
    n = tanh(x[2] + r * inner, K.FAST)
    return (r, u, n, inner), n + u * (state - n), cell


@triton.jit
def gru_grad(d, d_cell, saved, now, before, K: tl.constexpr):
    """Gradients of one step; `before` is h_{t-1}, and d z goes straight to it."""
    r, u, n, inner = saved
    dz_n = d * (1.0 - u) * (1.0 - n * n)
    d_inner = dz_n * r
    dz_r = d_inner * inner * (1.0 - r)
    dz_u = d * (before - n) * u * (1.0 - u)
    return (dz_r, dz_u, dz_n), (dz_r, dz_u, d_inner), d * u, d_cell


KERNELS = CellKernels(
    functions={
        "standard": Functions(gru_step, gru_grad, history="y", wants_before=True),
    },
    resident={
        (3, "forward", "bf16"): HELD,
        (3, "backward", "bf16"): {
            size: tile._replace(ahead=2) for size, tile in HELD_SINGLY.items()
        },
        (3, "forward", "tf32"): {32: Tile(2), 64: Tile(4), 128: Tile(8)},
        (3, "backward", "tf32"): {32: Tile(2), 64: Tile(4), 128: Tile(8)},
        (3, "forward", "tf32x3"): {32: Tile(2), 64: Tile(4)},
        (3, "backward", "tf32x3"): {32: Tile(2, rows=8), 64: Tile(8)},
        (3, "forward", "ieee"): SCALAR,
        (3, "backward", "ieee"): SCALAR,
    },
    factored={
        (3, "forward", "bf16"): {(256, 16): Tile(8, rows=8), (256, 32): Tile(8, rows=8)},
        (3, "backward", "bf16"): {(256, 16): Tile(8, rows=8), (256, 32): Tile(8, rows=8)},
    },
)
