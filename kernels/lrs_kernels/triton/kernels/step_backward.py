"""One time step backward in one launch: dL/dh_t from step t + 1, then the cell's gradients.

The launches of a sequence walk from T - 1 down to 0 and one further: at t = -1 only dL/dh_0 is left
to be formed. `p_direct` holds what reaches a state beside the products: the gradient of the final
state, and for the GRU then z d of every step (CARRIED), where a program reads and writes its own
tile alone. Strides and offsets as in `step_forward`.
"""

from __future__ import annotations

import triton
import triton.language as tl

from lrs_kernels.triton.kernels.cfc import cfc_cell_grad
from lrs_kernels.triton.kernels.gru import gru_cell_grad
from lrs_kernels.triton.kernels.lstm import lstm_cell_grad
from lrs_kernels.triton.kernels.rnn import rnn_cell_grad
from lrs_kernels.triton.kernels.step_products import place_step, pulled_back
from lrs_kernels.triton.kernels.tiles import cut, get, put


@triton.jit
def state_grad(
    p_next,  # gradients of the recurrent products, (P, T, B, G*H)
    p_w,
    p_direct,  # (P, B, H)
    p_reset,
    member,
    row,
    unit,
    real_row,
    real,
    t,
    T,
    B,
    G: tl.constexpr,
    CARRIED: tl.constexpr,
    H: tl.constexpr,
    BB: tl.constexpr,
    BN: tl.constexpr,
    BK: tl.constexpr,
    DT: tl.constexpr,
    OP: tl.constexpr,
    ACC: tl.constexpr,
    PREC: tl.constexpr,
):
    """What reaches h_t from later steps, `(BB, BN)`; at t = T - 1 that is `p_direct` alone."""
    d = tl.zeros((BB, BN), ACC)
    if CARRIED or t == T - 1:
        d += get(p_direct + (member * B + row)[:, None] * H + unit[None, :], real, ACC)
    if t < T - 1:
        after = (member * T + t + 1) * B + row  # (BB,)
        d += pulled_back(
            p_next + after[:, None] * (G * H), p_w, real_row, unit, G, H, BB, BN, BK, DT, OP, ACC,
            PREC,
        )  # fmt: skip
        if p_reset is not None:
            d = tl.where(cut(p_reset + after, real_row), 0.0, d)
    return d


@triton.jit(do_not_specialize=["t", "T", "B"])
def cfc_step_backward(
    p_dy,  # None or (P, T, B, H), strided
    p_direct,  # (P, B, H): gradient of the final state
    p_gates,  # (P, T, B, 3H)
    p_w,  # (P, 3, H, H)
    p_dt,
    p_time,
    p_reset,
    p_dz,  # (P, T, B, 3H), out
    p_dh0,  # (P, B, H), out
    p_d_dt,  # None or (P, T, B, H), out: per unit, summed afterwards
    dy_p,
    dy_t,
    dy_b,
    w_p,
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
    end = (member * B + row)[:, None] * H + unit[None, :]
    d = state_grad(
        p_dz, p_w + member * w_p, p_direct, p_reset, member, row, unit, real_row, real, t, T, B,
        3, False, H, BB, BN, BK, DT, OP, ACC, PREC,
    )  # fmt: skip
    if t < 0:
        put(p_dh0 + end, d, real)
    else:
        here = (member * T + t) * B + row  # (BB,)
        gates_at = p_gates + here[:, None] * (3 * H) + unit[None, :]
        g = get(gates_at, real, ACC)
        h = get(gates_at + H, real, ACC)
        f = get(gates_at + 2 * H, real, ACC)
        if p_dy is not None:
            at = member * dy_p + t.to(tl.int64) * dy_t + row[:, None] * dy_b + unit[None, :]
            d += get(p_dy + at, real, ACC)
        dz_g, dz_h, dz_f = cfc_cell_grad(d, g, h, f)
        if p_d_dt is not None:
            of_unit = here[:, None] * H + unit[None, :]
            put(p_d_dt + of_unit, dz_f * get(p_time + of_unit, real, ACC), real)
        if p_dt is not None:
            dz_f = dz_f * get(p_dt + here, real_row, ACC)[:, None]
        dz_at = p_dz + here[:, None] * (3 * H) + unit[None, :]
        put(dz_at, dz_g, real)
        put(dz_at + H, dz_h, real)
        put(dz_at + 2 * H, dz_f, real)


@triton.jit(do_not_specialize=["t", "T", "B", "prev_at"])
def lstm_step_backward(
    p_dy,
    p_direct,  # (P, B, H), as above
    p_dc,  # (P, B, H): dL/dc_t, carried; at last dL/dc_0
    p_gates,  # (P, T, B, 4H)
    p_cells,  # (P, T, B, H)
    p_c_prev,  # c0 (P, B, H) or the cells
    p_w,  # (P, 4, H, H)
    p_reset,
    p_dz,  # (P, T, B, 4H), out
    p_dh0,
    dy_p,
    dy_t,
    dy_b,
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
    end = (member * B + row)[:, None] * H + unit[None, :]
    d = state_grad(
        p_dz, p_w + member * w_p, p_direct, p_reset, member, row, unit, real_row, real, t, T, B,
        4, False, H, BB, BN, BK, DT, OP, ACC, PREC,
    )  # fmt: skip
    if t < 0:
        put(p_dh0 + end, d, real)
    else:
        here = (member * T + t) * B + row  # (BB,)
        gates_at = p_gates + here[:, None] * (4 * H) + unit[None, :]
        i = get(gates_at, real, ACC)
        f = get(gates_at + H, real, ACC)
        g = get(gates_at + 2 * H, real, ACC)
        o = get(gates_at + 3 * H, real, ACC)
        c_new = get(p_cells + here[:, None] * H + unit[None, :], real, ACC)
        before = member * prev_p + (prev_at + row[:, None]) * H + unit[None, :]
        c_old = get(p_c_prev + before, real, ACC)
        if p_dy is not None:
            at = member * dy_p + t.to(tl.int64) * dy_t + row[:, None] * dy_b + unit[None, :]
            d += get(p_dy + at, real, ACC)
        forget = real & (row < 0)[:, None]
        if p_reset is not None:
            forget = forget | cut(p_reset + here, real_row)
        c_old = tl.where(forget, 0.0, c_old)
        d_cell = get(p_dc + end, real, ACC)
        dz_i, dz_f, dz_g, dz_o, d_cell = lstm_cell_grad(d, d_cell, i, f, g, o, c_old, c_new, FAST)
        put(p_dc + end, tl.where(forget, 0.0, d_cell), real)
        dz_at = p_dz + here[:, None] * (4 * H) + unit[None, :]
        put(dz_at, dz_i, real)
        put(dz_at + H, dz_f, real)
        put(dz_at + 2 * H, dz_g, real)
        put(dz_at + 3 * H, dz_o, real)


@triton.jit(do_not_specialize=["t", "T", "B", "prev_at"])
def gru_step_backward(
    p_dy,
    p_direct,  # (P, B, H): what reaches h_t beside the products
    p_gates,  # (P, T, B, 4H)
    p_prev,  # h0 (P, B, H) or y (P, T, B, H)
    p_w,  # (P, 3, H, H)
    p_reset,
    p_dz,  # (P, T, B, 3H), out
    p_dz_h,  # (P, T, B, 3H), out
    p_dh0,
    dy_p,
    dy_t,
    dy_b,
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
    end = (member * B + row)[:, None] * H + unit[None, :]
    d = state_grad(
        p_dz_h, p_w + member * w_p, p_direct, p_reset, member, row, unit, real_row, real, t, T, B,
        3, True, H, BB, BN, BK, DT, OP, ACC, PREC,
    )  # fmt: skip
    if t < 0:
        put(p_dh0 + end, d, real)
    else:
        here = (member * T + t) * B + row  # (BB,)
        gates_at = p_gates + here[:, None] * (4 * H) + unit[None, :]
        r = get(gates_at, real, ACC)
        z = get(gates_at + H, real, ACC)
        n = get(gates_at + 2 * H, real, ACC)
        inner = get(gates_at + 3 * H, real, ACC)
        before = member * prev_p + (prev_at + row[:, None]) * H + unit[None, :]
        h = get(p_prev + before, real, ACC)
        if p_dy is not None:
            at = member * dy_p + t.to(tl.int64) * dy_t + row[:, None] * dy_b + unit[None, :]
            d += get(p_dy + at, real, ACC)
        if p_reset is not None:
            h = tl.where(cut(p_reset + here, real_row), 0.0, h)
        dz_r, dz_z, dz_n, d_inner, direct = gru_cell_grad(d, r, z, n, inner, h)
        put(p_direct + end, direct, real)
        dz_at = here[:, None] * (3 * H) + unit[None, :]
        put(p_dz + dz_at, dz_r, real)
        put(p_dz + dz_at + H, dz_z, real)
        put(p_dz + dz_at + 2 * H, dz_n, real)
        put(p_dz_h + dz_at, dz_r, real)
        put(p_dz_h + dz_at + H, dz_z, real)
        put(p_dz_h + dz_at + 2 * H, d_inner, real)


@triton.jit(do_not_specialize=["t", "T", "B"])
def rnn_step_backward(
    p_dy,
    p_direct,  # (P, B, H), as above
    p_y,  # (P, T, B, H)
    p_w,  # (P, 1, H, H)
    p_reset,
    p_dz,  # (P, T, B, H), out
    p_dh0,
    dy_p,
    dy_t,
    dy_b,
    w_p,
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
    end = (member * B + row)[:, None] * H + unit[None, :]
    d = state_grad(
        p_dz, p_w + member * w_p, p_direct, p_reset, member, row, unit, real_row, real, t, T, B,
        1, False, H, BB, BN, BK, DT, OP, ACC, PREC,
    )  # fmt: skip
    if t < 0:
        put(p_dh0 + end, d, real)
    else:
        here = (member * T + t) * B + row  # (BB,)
        y = get(p_y + here[:, None] * H + unit[None, :], real, ACC)
        if p_dy is not None:
            at = member * dy_p + t.to(tl.int64) * dy_t + row[:, None] * dy_b + unit[None, :]
            d += get(p_dy + at, real, ACC)
        put(p_dz + here[:, None] * H + unit[None, :], rnn_cell_grad(d, y, RELU), real)
