"""One time step forward in one launch: products of all gates, then the cell. See `step_products`.

Every kernel takes whole sequences and the step `t`, which a CUDA graph can freeze. The previous
state comes as a tensor of its own (`p_prev`, stride of members, row of its first state), since at
t = 0 it is h0 and then a step of y.
"""

from __future__ import annotations

import triton
import triton.language as tl

from lrs_kernels.triton.kernels.cfc import cfc_cell
from lrs_kernels.triton.kernels.gru import gru_cell
from lrs_kernels.triton.kernels.lstm import lstm_cell
from lrs_kernels.triton.kernels.rnn import rnn_cell
from lrs_kernels.triton.kernels.step_products import (
    place_step,
    products_of_four,
    products_of_one,
    products_of_three,
)
from lrs_kernels.triton.kernels.tiles import cut, get, put


@triton.jit(do_not_specialize=["t", "T", "B", "prev_at"])
def cfc_step_forward(
    p_x,  # (P, T, B, 3H), strided
    p_w,  # (P, 3, H, H)
    p_prev,  # h0 (P, B, H) or y (P, T, B, H)
    p_dt,  # None or (P, T, B)
    p_reset,  # None or (P, T, B) bytes
    p_y,
    p_gates,  # None or (P, T, B, 3H)
    p_time,  # None or (P, T, B, H)
    x_p,
    x_t,
    x_b,
    w_p,
    prev_p,
    prev_at,
    t,
    T,
    B,
    H: tl.constexpr,
    BB: tl.constexpr,
    BN: tl.constexpr,
    BK: tl.constexpr,
    DT: tl.constexpr,
    OP: tl.constexpr,
    ACC: tl.constexpr,
    PREC: tl.constexpr,
    FAST: tl.constexpr,
):
    """Step t of the three-gate CfC."""
    member, row, unit, real_row, real = place_step(B, H, BB, BN)
    here = (member * T + t) * B + row  # (BB,), row of step t in a (P * T * B, ...) table
    forget = real_row[:, None] & (row < 0)[:, None]
    if p_reset is not None:
        forget = cut(p_reset + here, real_row)
    p_state = p_prev + member * prev_p + (prev_at + row[:, None]) * H
    a, b, c = products_of_three(
        p_state, p_w + member * w_p, real_row, forget, unit, H, BB, BN, BK, DT, OP, ACC, PREC
    )
    x_at = p_x + member * x_p + t.to(tl.int64) * x_t + row[:, None] * x_b + unit[None, :]
    z_g = a + get(x_at, real, ACC)
    z_h = b + get(x_at + H, real, ACC)
    z_f = c + get(x_at + 2 * H, real, ACC)
    if p_time is not None:
        put(p_time + here[:, None] * H + unit[None, :], z_f, real)
    if p_dt is not None:
        z_f = z_f * get(p_dt + here, real_row, ACC)[:, None]
    g, h, f = cfc_cell(z_g, z_h, z_f, FAST)
    put(p_y + here[:, None] * H + unit[None, :], g + f * (h - g), real)
    if p_gates is not None:
        gates_at = p_gates + here[:, None] * (3 * H) + unit[None, :]
        put(gates_at, g, real)
        put(gates_at + H, h, real)
        put(gates_at + 2 * H, f, real)


@triton.jit(do_not_specialize=["t", "T", "B", "prev_at"])
def lstm_step_forward(
    p_x,  # (P, T, B, 4H), strided
    p_w,  # (P, 4, H, H)
    p_prev,
    p_c_prev,  # c0 (P, B, H) or the cells (P, T, B, H), as p_prev
    p_reset,
    p_y,
    p_gates,  # None or (P, T, B, 4H)
    p_cells,  # (P, T, B, H)
    x_p,
    x_t,
    x_b,
    w_p,
    prev_p,
    prev_at,
    t,
    T,
    B,
    H: tl.constexpr,
    BB: tl.constexpr,
    BN: tl.constexpr,
    BK: tl.constexpr,
    DT: tl.constexpr,
    OP: tl.constexpr,
    ACC: tl.constexpr,
    PREC: tl.constexpr,
    FAST: tl.constexpr,
):
    """Step t of the LSTM."""
    member, row, unit, real_row, real = place_step(B, H, BB, BN)
    here = (member * T + t) * B + row  # (BB,)
    forget = real_row[:, None] & (row < 0)[:, None]
    if p_reset is not None:
        forget = cut(p_reset + here, real_row)
    before = member * prev_p + (prev_at + row[:, None]) * H
    a, b, c, d = products_of_four(
        p_prev + before, p_w + member * w_p, real_row, forget, unit, H, BB, BN, BK, DT, OP, ACC,
        PREC,
    )  # fmt: skip
    x_at = p_x + member * x_p + t.to(tl.int64) * x_t + row[:, None] * x_b + unit[None, :]
    z_i = a + get(x_at, real, ACC)
    z_f = b + get(x_at + H, real, ACC)
    z_g = c + get(x_at + 2 * H, real, ACC)
    z_o = d + get(x_at + 3 * H, real, ACC)
    cell = tl.where(forget, 0.0, get(p_c_prev + before + unit[None, :], real, ACC))
    i, f, g, o, cell, state = lstm_cell(z_i, z_f, z_g, z_o, cell, FAST)
    put(p_y + here[:, None] * H + unit[None, :], state, real)
    put(p_cells + here[:, None] * H + unit[None, :], cell, real)
    if p_gates is not None:
        gates_at = p_gates + here[:, None] * (4 * H) + unit[None, :]
        put(gates_at, i, real)
        put(gates_at + H, f, real)
        put(gates_at + 2 * H, g, real)
        put(gates_at + 3 * H, o, real)


@triton.jit(do_not_specialize=["t", "T", "B", "prev_at"])
def gru_step_forward(
    p_x,  # (P, T, B, 3H), strided
    p_w,  # (P, 3, H, H)
    p_prev,
    p_bias,  # None or (P, H)
    p_reset,
    p_y,
    p_gates,  # None or (P, T, B, 4H)
    x_p,
    x_t,
    x_b,
    w_p,
    prev_p,
    prev_at,
    t,
    T,
    B,
    H: tl.constexpr,
    BB: tl.constexpr,
    BN: tl.constexpr,
    BK: tl.constexpr,
    DT: tl.constexpr,
    OP: tl.constexpr,
    ACC: tl.constexpr,
    PREC: tl.constexpr,
    FAST: tl.constexpr,
):
    """Step t of the GRU."""
    member, row, unit, real_row, real = place_step(B, H, BB, BN)
    here = (member * T + t) * B + row  # (BB,)
    forget = real_row[:, None] & (row < 0)[:, None]
    if p_reset is not None:
        forget = cut(p_reset + here, real_row)
    p_state = p_prev + member * prev_p + (prev_at + row[:, None]) * H
    a, b, inner = products_of_three(
        p_state, p_w + member * w_p, real_row, forget, unit, H, BB, BN, BK, DT, OP, ACC, PREC
    )
    if p_bias is not None:
        b_n = tl.load(p_bias + member * H + unit, mask=unit < H, other=0.0).to(ACC)
        inner += b_n[None, :]
    x_at = p_x + member * x_p + t.to(tl.int64) * x_t + row[:, None] * x_b + unit[None, :]
    z_r = a + get(x_at, real, ACC)
    z_z = b + get(x_at + H, real, ACC)
    x_n = get(x_at + 2 * H, real, ACC)
    state = tl.where(forget, 0.0, get(p_state + unit[None, :], real, ACC))
    r, z, n, state = gru_cell(z_r, z_z, x_n, inner, state, FAST)
    put(p_y + here[:, None] * H + unit[None, :], state, real)
    if p_gates is not None:
        gates_at = p_gates + here[:, None] * (4 * H) + unit[None, :]
        put(gates_at, r, real)
        put(gates_at + H, z, real)
        put(gates_at + 2 * H, n, real)
        put(gates_at + 3 * H, inner, real)


@triton.jit(do_not_specialize=["t", "T", "B", "prev_at"])
def rnn_step_forward(
    p_x,  # (P, T, B, H), strided
    p_w,  # (P, 1, H, H)
    p_prev,
    p_reset,
    p_y,
    x_p,
    x_t,
    x_b,
    w_p,
    prev_p,
    prev_at,
    t,
    T,
    B,
    H: tl.constexpr,
    BB: tl.constexpr,
    BN: tl.constexpr,
    BK: tl.constexpr,
    DT: tl.constexpr,
    OP: tl.constexpr,
    ACC: tl.constexpr,
    PREC: tl.constexpr,
    FAST: tl.constexpr,
    RELU: tl.constexpr,
):
    """Step t of the Elman network."""
    member, row, unit, real_row, real = place_step(B, H, BB, BN)
    here = (member * T + t) * B + row  # (BB,)
    forget = real_row[:, None] & (row < 0)[:, None]
    if p_reset is not None:
        forget = cut(p_reset + here, real_row)
    p_state = p_prev + member * prev_p + (prev_at + row[:, None]) * H
    z = products_of_one(
        p_state, p_w + member * w_p, real_row, forget, unit, H, BB, BN, BK, DT, OP, ACC, PREC
    )
    x_at = p_x + member * x_p + t.to(tl.int64) * x_t + row[:, None] * x_b + unit[None, :]
    state = rnn_cell(z + get(x_at, real, ACC), RELU, FAST)
    put(p_y + here[:, None] * H + unit[None, :], state, real)
