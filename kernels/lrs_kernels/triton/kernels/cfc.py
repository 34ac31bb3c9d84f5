"""CfC over the whole sequence: one launch forward, one backward, state and weights on chip.

    [g, h, f] = [tanh, tanh, sigmoid]([z_G, z_H, dt * z_F]),    h_t = g (1 - f) + h f,

with z = x_t + W h_{t-1}. A program owns BB rows of the batch and all H units of one member of the
population: the state never leaves its registers, no program waits for another, nothing that was
written to global memory is read back. Letters as in `weights.py`; T time, B batch, P population.
"""

from __future__ import annotations

import triton
import triton.language as tl

from lrs_kernels.triton.kernels.activations import sigmoid, tanh
from lrs_kernels.triton.kernels.tiles import cut, get, place, put
from lrs_kernels.triton.kernels.weights import load_left, load_right, project, pull_back


@triton.jit
def cfc_cell(z_g, z_h, z_f, FAST: tl.constexpr):
    """Activations g, h, f of one step."""
    return tanh(z_g, FAST), tanh(z_h, FAST), sigmoid(z_f, FAST)


@triton.jit
def cfc_cell_grad(d, g, h, f):
    """dL/dz of g, h and f, given d = dL/dh_t."""
    d_f = d * f
    dz_g = (d - d_f) * (1.0 - g * g)
    dz_h = d_f * (1.0 - h * h)
    dz_f = d_f * (h - g) * (1.0 - f)
    return dz_g, dz_h, dz_f


@triton.jit(do_not_specialize=["T", "B"])
def cfc_forward_kernel(
    p_x,  # (P, T, B, 3H), strided
    p_left,  # (P, 3, H, H) or W1 (P, 3, H, R)
    p_right,  # None or W2 (P, 3, R, H)
    p_mask,  # None or (P, 3, H, H)
    p_h0,  # (P, B, H)
    p_dt,  # None or (P, T, B)
    p_reset,  # None or (P, T, B) bytes
    p_y,  # (P, T, B, H), out
    p_gates,  # None or (P, T, B, 3H), out: g, h, f
    p_time,  # None or (P, T, B, H), out: z_F, for the gradient of dt
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
    w_g = load_left(p_left, p_right, p_mask, 0, H, HP, R, RP, FACTORED, DT, OP, ACC, PRODUCT)
    w_h = load_left(p_left, p_right, p_mask, 1, H, HP, R, RP, FACTORED, DT, OP, ACC, PRODUCT)
    w_f = load_left(p_left, p_right, p_mask, 2, H, HP, R, RP, FACTORED, DT, OP, ACC, PRODUCT)
    v_g, v_h, v_f = w_g, w_h, w_f
    if FACTORED:
        v_g = load_right(p_right, 0, H, HP, R, RP, DT, OP)
        v_h = load_right(p_right, 1, H, HP, R, RP, DT, OP)
        v_f = load_right(p_right, 2, H, HP, R, RP, DT, OP)
    first = member * T * batch + row  # (BB,), row of step 0 in a contiguous (P * T * B, ...) table
    state = get(p_h0 + (member * batch + row)[:, None] * H + unit[None, :], real, ACC)
    x_at = p_x + member * x_p + row[:, None] * x_b + unit[None, :]
    y_at = p_y + first[:, None] * H + unit[None, :]
    if p_gates is not None:
        gates_at = p_gates + first[:, None] * (3 * H) + unit[None, :]
    if p_time is not None:
        time_at = p_time + first[:, None] * H + unit[None, :]
    if p_dt is not None:
        dt_at = p_dt + first
    if p_reset is not None:
        reset_at = p_reset + first
    for _ in tl.range(0, T, num_stages=NS):
        if p_reset is not None:
            state = tl.where(cut(reset_at, real_row), 0.0, state)
            reset_at += batch
        seen = state.to(DT).to(OP)
        x_g = get(x_at, real, ACC)
        x_h = get(x_at + H, real, ACC)
        x_f = get(x_at + 2 * H, real, ACC)
        z_g = project(seen, w_g, v_g, x_g, FACTORED, DT, OP, ACC, PREC)
        z_h = project(seen, w_h, v_h, x_h, FACTORED, DT, OP, ACC, PREC)
        z_f = project(seen, w_f, v_f, x_f, FACTORED, DT, OP, ACC, PREC)
        if p_time is not None:
            put(time_at, z_f, real)
            time_at += batch * H
        if p_dt is not None:
            z_f = z_f * get(dt_at, real_row, ACC)[:, None]
            dt_at += batch
        g, h, f = cfc_cell(z_g, z_h, z_f, FAST)
        state = g + f * (h - g)
        put(y_at, state, real)
        if p_gates is not None:
            put(gates_at, g, real)
            put(gates_at + H, h, real)
            put(gates_at + 2 * H, f, real)
            gates_at += batch * (3 * H)
        x_at += x_t
        y_at += batch * H


@triton.jit(do_not_specialize=["T", "B"])
def cfc_backward_kernel(
    p_dy,  # None or (P, T, B, H), strided
    p_d_final,  # None or (P, B, H)
    p_gates,  # (P, T, B, 3H): g, h, f
    p_left,
    p_right,
    p_mask,
    p_dt,  # None or (P, T, B)
    p_time,  # None or (P, T, B, H): z_F
    p_reset,  # None or (P, T, B) bytes
    p_dz,  # (P, T, B, 3H), out; may be p_gates
    p_dh0,  # (P, B, H), out
    p_d_dt,  # None or (P, T, B), out; together with p_time
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
    """Walk back once: dL/dz of every step, dL/dh_0, and dL/d dt where asked."""
    member, row, unit, batch, real_row, real = place(B, H, HP, BB)
    p_left += member * left_p
    if p_right is not None:
        p_right += member * right_p
    if p_mask is not None:
        p_mask += member * mask_p
    w_g = load_left(p_left, p_right, p_mask, 0, H, HP, R, RP, FACTORED, DT, OP, ACC, PRODUCT)
    w_h = load_left(p_left, p_right, p_mask, 1, H, HP, R, RP, FACTORED, DT, OP, ACC, PRODUCT)
    w_f = load_left(p_left, p_right, p_mask, 2, H, HP, R, RP, FACTORED, DT, OP, ACC, PRODUCT)
    v_g, v_h, v_f = w_g, w_h, w_f
    if FACTORED:
        v_g = load_right(p_right, 0, H, HP, R, RP, DT, OP)
        v_h = load_right(p_right, 1, H, HP, R, RP, DT, OP)
        v_f = load_right(p_right, 2, H, HP, R, RP, DT, OP)
    end = (member * batch + row)[:, None] * H + unit[None, :]  # (BB, HP) in a (P * B, H) table
    last = (member * T + (T - 1)) * batch + row  # (BB,), row of step T - 1 in a (P * T * B) table
    d_state = tl.zeros((BB, HP), ACC)
    if p_d_final is not None:
        d_state += get(p_d_final + end, real, ACC)
    if p_dy is not None:
        back = member * dy_p + tl.cast(T - 1, tl.int64) * dy_t
        dy_at = p_dy + back + row[:, None] * dy_b + unit[None, :]
    gates_at = p_gates + last[:, None] * (3 * H) + unit[None, :]
    dz_at = p_dz + last[:, None] * (3 * H) + unit[None, :]
    if p_dt is not None:
        dt_at = p_dt + last
    if p_d_dt is not None:
        d_dt_at = p_d_dt + last
        time_at = p_time + last[:, None] * H + unit[None, :]
    if p_reset is not None:
        reset_at = p_reset + last
    for _ in tl.range(0, T, num_stages=NS):
        g = get(gates_at, real, ACC)
        h = get(gates_at + H, real, ACC)
        f = get(gates_at + 2 * H, real, ACC)
        if p_dy is not None:
            d_state += get(dy_at, real, ACC)
            dy_at -= dy_t
        dz_g, dz_h, dz_f = cfc_cell_grad(d_state, g, h, f)
        if p_d_dt is not None:
            tl.store(
                d_dt_at,
                tl.sum(dz_f * get(time_at, real, ACC), axis=1).to(p_d_dt.dtype.element_ty),
                mask=real_row,
            )
            time_at -= batch * H
            d_dt_at -= batch
        if p_dt is not None:
            dz_f = dz_f * get(dt_at, real_row, ACC)[:, None]
            dt_at -= batch
        put(dz_at, dz_g, real)
        put(dz_at + H, dz_h, real)
        put(dz_at + 2 * H, dz_f, real)
        d_state = tl.zeros((BB, HP), ACC)
        d_state = pull_back(dz_g, w_g, v_g, d_state, FACTORED, DT, OP, ACC, PREC)
        d_state = pull_back(dz_h, w_h, v_h, d_state, FACTORED, DT, OP, ACC, PREC)
        d_state = pull_back(dz_f, w_f, v_f, d_state, FACTORED, DT, OP, ACC, PREC)
        if p_reset is not None:
            d_state = tl.where(cut(reset_at, real_row), 0.0, d_state)
            reset_at -= batch
        gates_at -= batch * (3 * H)
        dz_at -= batch * (3 * H)
    put(p_dh0 + end, d_state, real)
