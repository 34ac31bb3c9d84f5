"""The long short-term memory (LSTM), as `torch.nn.LSTM`; gate order i, f, g, o.

    c_t = f c_{t-1} + i g,    h_t = o tanh(c_t),    i, f, o = sigmoid(z),  g = tanh(z).

Saved are i, f, g, o and the cell states.
"""

from __future__ import annotations

import triton
import triton.language as tl

from lrs_kernels.triton.kernels.activations import sigmoid, tanh
from lrs_kernels.triton.kernels.cell import CellKernels, Functions
from lrs_kernels.triton.table import HELD, HELD_SINGLY, Tile


@triton.jit
def lstm_step(z, x, state, cell, K: tl.constexpr):
    """One step."""
    i = sigmoid(z[0], K.FAST)
    f = sigmoid(z[1], K.FAST)
    g = tanh(z[2], K.FAST)
    o = sigmoid(z[3], K.FAST)
    kept = f * cell
    cell_new = kept + i * g
    return (i, f, g, o), o * tanh(cell_new, K.FAST), cell_new


@triton.jit
def lstm_grad(d, d_cell, saved, now, before, K: tl.constexpr):
    """Gradients of one step; `now` is c_t and `before` c_{t-1}."""
    i, f, g, o = saved
    squashed = tanh(now, K.FAST)
    d_c = d_cell + d * o * (1.0 - squashed * squashed)
    dz_i = d_c * g * i * (1.0 - i)
    dz_f = d_c * before * f * (1.0 - f)
    dz_g = d_c * i * (1.0 - g * g)
    dz_o = d * squashed * o * (1.0 - o)
    dz = (dz_i, dz_f, dz_g, dz_o)
    return dz, dz, tl.zeros_like(d), d_c * f


KERNELS = CellKernels(
    functions={
        "standard": Functions(lstm_step, lstm_grad, history="cells", wants_before=True),
    },
    resident={
        (4, "forward", "bf16"): HELD,
        (4, "backward", "bf16"): {**HELD_SINGLY, 128: HELD_SINGLY[128]._replace(ahead=2)},
        (4, "forward", "tf32"): {32: Tile(2), 64: Tile(4)},
        (4, "backward", "tf32"): {32: Tile(2), 64: Tile(4)},
        (4, "forward", "tf32x3"): {32: Tile(2), 64: Tile(4)},
        (4, "backward", "tf32x3"): {32: Tile(2, rows=8), 64: Tile(8)},
        (4, "forward", "ieee"): {32: Tile(4, rows=8), 64: Tile(8, rows=8)},
        (4, "backward", "ieee"): {32: Tile(4, rows=8), 64: Tile(8, rows=8)},
    },
)
