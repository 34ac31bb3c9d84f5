"""LSTM over the whole sequence: one launch forward, one backward; gate order i, f, g, o.

    c_t = f c_{t-1} + i g,    h_t = o tanh(c_t),

with i, f, o = sigmoid(z), g = tanh(z), z = x_t + W h_{t-1}. Hidden and cell state stay in
registers; layout as in `cfc.py`. Walking back, c_t is kept from the step before and only c_{t-1} is
loaded, so every cell state is read once.
"""

from __future__ import annotations

import triton
import triton.language as tl

from lrs_kernels.triton.kernels.activations import sigmoid, tanh
from lrs_kernels.triton.kernels.tiles import cut, get, place, put
from lrs_kernels.triton.kernels.weights import load_left, load_right, project, pull_back


@triton.jit
def lstm_cell(z_i, z_f, z_g, z_o, c, FAST: tl.constexpr):
    """Activations i, f, g, o and the new c and h of one step."""
    i = sigmoid(z_i, FAST)
    f = sigmoid(z_f, FAST)
    g = tanh(z_g, FAST)
    o = sigmoid(z_o, FAST)
    kept = f * c
    c_new = kept + i * g
    return i, f, g, o, c_new, o * tanh(c_new, FAST)


@triton.jit
def lstm_cell_grad(d, d_c, i, f, g, o, c_old, c_new, FAST: tl.constexpr):
    """dL/dz of i, f, g, o and dL/dc_{t-1}, given d = dL/dh_t and d_c = dL/dc_t from step t + 1."""
    squashed = tanh(c_new, FAST)
    d_cell = d_c + d * o * (1.0 - squashed * squashed)
    dz_i = d_cell * g * i * (1.0 - i)
    dz_f = d_cell * c_old * f * (1.0 - f)
    dz_g = d_cell * i * (1.0 - g * g)
    dz_o = d * squashed * o * (1.0 - o)
    return dz_i, dz_f, dz_g, dz_o, d_cell * f


@triton.jit(do_not_specialize=["T", "B"])
def lstm_forward_kernel(
    p_x,  # (P, T, B, 4H), strided
    p_left,
    p_right,
    p_mask,
    p_h0,  # (P, B, H)
    p_c0,  # (P, B, H)
    p_reset,  # None or (P, T, B) bytes
    p_y,  # (P, T, B, H), out
    p_c_n,  # (P, B, H), out
    p_gates,  # None or (P, T, B, 4H), out: i, f, g, o
    p_cells,  # None or (P, T, B, H), out; together with p_gates
    x_p,
    x_t,
    x_b,
    left_p,
    right_p,
    mask_p,
    T,
    B,
    H: tl.constexpr,
    HP: tl.constexpr,
    R: tl.constexpr,
    RP: tl.constexpr,
    BB: tl.constexpr,
    FACTORED: tl.constexpr,
    DT: tl.constexpr,
    OP: tl.constexpr,
    ACC: tl.constexpr,
    PREC: tl.constexpr,
    PRODUCT: tl.constexpr,
    FAST: tl.constexpr,
    NS: tl.constexpr,
):
    """Forward pass of a batch tile (grid axis 0) of a member (grid axis 1)."""
    member, row, unit, batch, real_row, real = place(B, H, HP, BB)
    p_left += member * left_p
    if p_right is not None:
        p_right += member * right_p
    if p_mask is not None:
        p_mask += member * mask_p
    w_i = load_left(p_left, p_right, p_mask, 0, H, HP, R, RP, FACTORED, DT, OP, ACC, PRODUCT)
    w_f = load_left(p_left, p_right, p_mask, 1, H, HP, R, RP, FACTORED, DT, OP, ACC, PRODUCT)
    w_g = load_left(p_left, p_right, p_mask, 2, H, HP, R, RP, FACTORED, DT, OP, ACC, PRODUCT)
    w_o = load_left(p_left, p_right, p_mask, 3, H, HP, R, RP, FACTORED, DT, OP, ACC, PRODUCT)
    v_i, v_f, v_g, v_o = w_i, w_f, w_g, w_o
    if FACTORED:
        v_i = load_right(p_right, 0, H, HP, R, RP, DT, OP)
        v_f = load_right(p_right, 1, H, HP, R, RP, DT, OP)
        v_g = load_right(p_right, 2, H, HP, R, RP, DT, OP)
        v_o = load_right(p_right, 3, H, HP, R, RP, DT, OP)
    end = (member * batch + row)[:, None] * H + unit[None, :]  # (BB, HP) in a (P * B, H) table
    first = member * T * batch + row  # (BB,), row of step 0 in a (P * T * B, ...) table
    state = get(p_h0 + end, real, ACC)
    cell = get(p_c0 + end, real, ACC)
    x_at = p_x + member * x_p + row[:, None] * x_b + unit[None, :]
    y_at = p_y + first[:, None] * H + unit[None, :]
    if p_gates is not None:
        gates_at = p_gates + first[:, None] * (4 * H) + unit[None, :]
        cells_at = p_cells + first[:, None] * H + unit[None, :]
    if p_reset is not None:
        reset_at = p_reset + first
    for _ in tl.range(0, T, num_stages=NS):
        if p_reset is not None:
            forget = cut(reset_at, real_row)
            state = tl.where(forget, 0.0, state)
            cell = tl.where(forget, 0.0, cell)
            reset_at += batch
        seen = state.to(DT).to(OP)
        x_i = get(x_at, real, ACC)
        x_f = get(x_at + H, real, ACC)
        x_g = get(x_at + 2 * H, real, ACC)
        x_o = get(x_at + 3 * H, real, ACC)
        z_i = project(seen, w_i, v_i, x_i, FACTORED, DT, OP, ACC, PREC)
        z_f = project(seen, w_f, v_f, x_f, FACTORED, DT, OP, ACC, PREC)
        z_g = project(seen, w_g, v_g, x_g, FACTORED, DT, OP, ACC, PREC)
        z_o = project(seen, w_o, v_o, x_o, FACTORED, DT, OP, ACC, PREC)
        i, f, g, o, cell, state = lstm_cell(z_i, z_f, z_g, z_o, cell, FAST)
        put(y_at, state, real)
        if p_gates is not None:
            put(gates_at, i, real)
            put(gates_at + H, f, real)
            put(gates_at + 2 * H, g, real)
            put(gates_at + 3 * H, o, real)
            put(cells_at, cell, real)
            gates_at += batch * (4 * H)
            cells_at += batch * H
        x_at += x_t
        y_at += batch * H
    put(p_c_n + end, cell, real)


@triton.jit(do_not_specialize=["T", "B"])
def lstm_backward_kernel(
    p_dy,  # None or (P, T, B, H), strided
    p_d_final,  # None or (P, B, H)
    p_dc_n,  # None or (P, B, H)
    p_gates,  # (P, T, B, 4H): i, f, g, o
    p_cells,  # (P, T, B, H)
    p_c0,  # (P, B, H)
    p_left,
    p_right,
    p_mask,
    p_reset,  # None or (P, T, B) bytes
    p_dz,  # (P, T, B, 4H), out; may be p_gates
    p_dh0,  # (P, B, H), out
    p_dc0,  # (P, B, H), out
    dy_p,
    dy_t,
    dy_b,
    left_p,
    right_p,
    mask_p,
    T,
    B,
    H: tl.constexpr,
    HP: tl.constexpr,
    R: tl.constexpr,
    RP: tl.constexpr,
    BB: tl.constexpr,
    FACTORED: tl.constexpr,
    DT: tl.constexpr,
    OP: tl.constexpr,
    ACC: tl.constexpr,
    PREC: tl.constexpr,
    PRODUCT: tl.constexpr,
    FAST: tl.constexpr,
    NS: tl.constexpr,
):
    """Walk back once: dL/dz of every step, dL/dh_0 and dL/dc_0."""
    member, row, unit, batch, real_row, real = place(B, H, HP, BB)
    p_left += member * left_p
    if p_right is not None:
        p_right += member * right_p
    if p_mask is not None:
        p_mask += member * mask_p
    w_i = load_left(p_left, p_right, p_mask, 0, H, HP, R, RP, FACTORED, DT, OP, ACC, PRODUCT)
    w_f = load_left(p_left, p_right, p_mask, 1, H, HP, R, RP, FACTORED, DT, OP, ACC, PRODUCT)
    w_g = load_left(p_left, p_right, p_mask, 2, H, HP, R, RP, FACTORED, DT, OP, ACC, PRODUCT)
    w_o = load_left(p_left, p_right, p_mask, 3, H, HP, R, RP, FACTORED, DT, OP, ACC, PRODUCT)
    v_i, v_f, v_g, v_o = w_i, w_f, w_g, w_o
    if FACTORED:
        v_i = load_right(p_right, 0, H, HP, R, RP, DT, OP)
        v_f = load_right(p_right, 1, H, HP, R, RP, DT, OP)
        v_g = load_right(p_right, 2, H, HP, R, RP, DT, OP)
        v_o = load_right(p_right, 3, H, HP, R, RP, DT, OP)
    end = (member * batch + row)[:, None] * H + unit[None, :]  # (BB, HP) in a (P * B, H) table
    last = (member * T + (T - 1)) * batch + row  # (BB,), row of step T - 1 in a (P * T * B) table
    d_state = tl.zeros((BB, HP), ACC)
    if p_d_final is not None:
        d_state += get(p_d_final + end, real, ACC)
    d_cell = tl.zeros((BB, HP), ACC)
    if p_dc_n is not None:
        d_cell += get(p_dc_n + end, real, ACC)
    if p_dy is not None:
        back = member * dy_p + tl.cast(T - 1, tl.int64) * dy_t
        dy_at = p_dy + back + row[:, None] * dy_b + unit[None, :]
    gates_at = p_gates + last[:, None] * (4 * H) + unit[None, :]
    dz_at = p_dz + last[:, None] * (4 * H) + unit[None, :]
    cells_at = p_cells + last[:, None] * H + unit[None, :]
    if p_reset is not None:
        reset_at = p_reset + last
    t = tl.zeros((BB, 1), tl.int32) + (T - 1)  # a block: the interpreter has no scalar masks
    c_first = get(p_c0 + end, real, ACC)
    c_new = get(cells_at, real, ACC)
    for _ in tl.range(0, T, num_stages=NS):
        later = t > 0  # at t = 0, c_{t-1} is c0
        cells_at -= batch * H
        c_before = tl.where(later, get(cells_at, real & later, ACC), c_first)
        i = get(gates_at, real, ACC)
        f = get(gates_at + H, real, ACC)
        g = get(gates_at + 2 * H, real, ACC)
        o = get(gates_at + 3 * H, real, ACC)
        if p_dy is not None:
            d_state += get(dy_at, real, ACC)
            dy_at -= dy_t
        c_old = c_before
        if p_reset is not None:
            forget = cut(reset_at, real_row)
            c_old = tl.where(forget, 0.0, c_before)
        dz_i, dz_f, dz_g, dz_o, d_cell = lstm_cell_grad(
            d_state, d_cell, i, f, g, o, c_old, c_new, FAST
        )
        c_new = c_before
        put(dz_at, dz_i, real)
        put(dz_at + H, dz_f, real)
        put(dz_at + 2 * H, dz_g, real)
        put(dz_at + 3 * H, dz_o, real)
        d_state = tl.zeros((BB, HP), ACC)
        d_state = pull_back(dz_i, w_i, v_i, d_state, FACTORED, DT, OP, ACC, PREC)
        d_state = pull_back(dz_f, w_f, v_f, d_state, FACTORED, DT, OP, ACC, PREC)
        d_state = pull_back(dz_g, w_g, v_g, d_state, FACTORED, DT, OP, ACC, PREC)
        d_state = pull_back(dz_o, w_o, v_o, d_state, FACTORED, DT, OP, ACC, PREC)
        if p_reset is not None:
            d_state = tl.where(forget, 0.0, d_state)
            d_cell = tl.where(forget, 0.0, d_cell)
            reset_at -= batch
        gates_at -= batch * (4 * H)
        t -= 1
        dz_at -= batch * (4 * H)
    put(p_dh0 + end, d_state, real)
    put(p_dc0 + end, d_cell, real)
