"""GRU over the whole sequence: one launch forward, one backward; gate order r, z, n.

    h_t = (1 - z) n + z h_{t-1},    n = tanh(x_n + r (W_n h_{t-1} + b_n)),

as `torch.nn.GRU`: r acts after the product, so one round of products per step is enough (before the
product it would take two, one waiting for the other). What r multiplies is saved beside the gates.
Its gradient and that of x_n differ, so the backward pass writes both: `dz` for the inputs, `dz_h`
for what the recurrent matrices gave.
"""

from __future__ import annotations

import triton
import triton.language as tl

from lrs_kernels.triton.kernels.activations import sigmoid, tanh
from lrs_kernels.triton.kernels.tiles import cut, get, place, put
from lrs_kernels.triton.kernels.weights import load_left, load_right, project, pull_back


@triton.jit
def gru_cell(z_r, z_z, x_n, inner, h, FAST: tl.constexpr):
    """Activations r, z, n and the new h of one step."""
    r = sigmoid(z_r, FAST)
    z = sigmoid(z_z, FAST)
    n = tanh(x_n + r * inner, FAST)
    return r, z, n, n + z * (h - n)


@triton.jit
def gru_cell_grad(d, r, z, n, inner, h):
    """dL/dz of r, z, n; dL/d inner; and the direct part of dL/dh_{t-1}, given d = dL/dh_t."""
    dz_n = d * (1.0 - z) * (1.0 - n * n)
    d_inner = dz_n * r
    dz_r = d_inner * inner * (1.0 - r)
    dz_z = d * (h - n) * z * (1.0 - z)
    return dz_r, dz_z, dz_n, d_inner, d * z


@triton.jit(do_not_specialize=["T", "B"])
def gru_forward_kernel(
    p_x,  # (P, T, B, 3H), strided
    p_left,
    p_right,
    p_mask,
    p_h0,  # (P, B, H)
    p_bias,  # None or b_n (P, H)
    p_reset,  # None or (P, T, B) bytes
    p_y,  # (P, T, B, H), out
    p_gates,  # None or (P, T, B, 4H), out: r, z, n, W_n h + b_n
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
    w_r = load_left(p_left, p_right, p_mask, 0, H, HP, R, RP, FACTORED, DT, OP, ACC, PRODUCT)
    w_z = load_left(p_left, p_right, p_mask, 1, H, HP, R, RP, FACTORED, DT, OP, ACC, PRODUCT)
    w_n = load_left(p_left, p_right, p_mask, 2, H, HP, R, RP, FACTORED, DT, OP, ACC, PRODUCT)
    v_r, v_z, v_n = w_r, w_z, w_n
    if FACTORED:
        v_r = load_right(p_right, 0, H, HP, R, RP, DT, OP)
        v_z = load_right(p_right, 1, H, HP, R, RP, DT, OP)
        v_n = load_right(p_right, 2, H, HP, R, RP, DT, OP)
    bias = tl.zeros((BB, HP), ACC)
    if p_bias is not None:
        b_n = tl.load(p_bias + member * H + unit, mask=unit < H, other=0.0).to(ACC)
        bias += b_n[None, :]
    first = member * T * batch + row  # (BB,), row of step 0 in a (P * T * B, ...) table
    state = get(p_h0 + (member * batch + row)[:, None] * H + unit[None, :], real, ACC)
    x_at = p_x + member * x_p + row[:, None] * x_b + unit[None, :]
    y_at = p_y + first[:, None] * H + unit[None, :]
    if p_gates is not None:
        gates_at = p_gates + first[:, None] * (4 * H) + unit[None, :]
    if p_reset is not None:
        reset_at = p_reset + first
    for _ in tl.range(0, T, num_stages=NS):
        if p_reset is not None:
            state = tl.where(cut(reset_at, real_row), 0.0, state)
            reset_at += batch
        seen = state.to(DT).to(OP)
        x_r = get(x_at, real, ACC)
        x_z = get(x_at + H, real, ACC)
        x_n = get(x_at + 2 * H, real, ACC)
        z_r = project(seen, w_r, v_r, x_r, FACTORED, DT, OP, ACC, PREC)
        z_z = project(seen, w_z, v_z, x_z, FACTORED, DT, OP, ACC, PREC)
        inner = project(seen, w_n, v_n, bias, FACTORED, DT, OP, ACC, PREC)
        r, z, n, state = gru_cell(z_r, z_z, x_n, inner, state, FAST)
        put(y_at, state, real)
        if p_gates is not None:
            put(gates_at, r, real)
            put(gates_at + H, z, real)
            put(gates_at + 2 * H, n, real)
            put(gates_at + 3 * H, inner, real)
            gates_at += batch * (4 * H)
        x_at += x_t
        y_at += batch * H


@triton.jit(do_not_specialize=["T", "B"])
def gru_backward_kernel(
    p_dy,  # None or (P, T, B, H), strided
    p_d_final,  # None or (P, B, H)
    p_gates,  # (P, T, B, 4H): r, z, n, W_n h + b_n
    p_y,  # (P, T, B, H)
    p_h0,  # (P, B, H)
    p_left,
    p_right,
    p_mask,
    p_reset,  # None or (P, T, B) bytes
    p_dz,  # (P, T, B, 3H), out: gradient of x_proj
    p_dz_h,  # (P, T, B, 3H), out: gradient of the recurrent products
    p_dh0,  # (P, B, H), out
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
    """Walk back once: dL/dz of every step, twice (see above), and dL/dh_0."""
    member, row, unit, batch, real_row, real = place(B, H, HP, BB)
    p_left += member * left_p
    if p_right is not None:
        p_right += member * right_p
    if p_mask is not None:
        p_mask += member * mask_p
    w_r = load_left(p_left, p_right, p_mask, 0, H, HP, R, RP, FACTORED, DT, OP, ACC, PRODUCT)
    w_z = load_left(p_left, p_right, p_mask, 1, H, HP, R, RP, FACTORED, DT, OP, ACC, PRODUCT)
    w_n = load_left(p_left, p_right, p_mask, 2, H, HP, R, RP, FACTORED, DT, OP, ACC, PRODUCT)
    v_r, v_z, v_n = w_r, w_z, w_n
    if FACTORED:
        v_r = load_right(p_right, 0, H, HP, R, RP, DT, OP)
        v_z = load_right(p_right, 1, H, HP, R, RP, DT, OP)
        v_n = load_right(p_right, 2, H, HP, R, RP, DT, OP)
    end = (member * batch + row)[:, None] * H + unit[None, :]  # (BB, HP) in a (P * B, H) table
    last = (member * T + (T - 1)) * batch + row  # (BB,), row of step T - 1 in a (P * T * B) table
    d_state = tl.zeros((BB, HP), ACC)
    if p_d_final is not None:
        d_state += get(p_d_final + end, real, ACC)
    if p_dy is not None:
        back = member * dy_p + tl.cast(T - 1, tl.int64) * dy_t
        dy_at = p_dy + back + row[:, None] * dy_b + unit[None, :]
    gates_at = p_gates + last[:, None] * (4 * H) + unit[None, :]
    dz_at = p_dz + last[:, None] * (3 * H) + unit[None, :]
    dz_h_at = p_dz_h + last[:, None] * (3 * H) + unit[None, :]
    y_at = p_y + last[:, None] * H + unit[None, :]
    if p_reset is not None:
        reset_at = p_reset + last
    t = tl.zeros((BB, 1), tl.int32) + (T - 1)  # a block: the interpreter has no scalar masks
    h_first = get(p_h0 + end, real, ACC)
    for _ in tl.range(0, T, num_stages=NS):
        later = t > 0  # at t = 0, h_{t-1} is h0
        y_at -= batch * H
        h = tl.where(later, get(y_at, real & later, ACC), h_first)
        r = get(gates_at, real, ACC)
        z = get(gates_at + H, real, ACC)
        n = get(gates_at + 2 * H, real, ACC)
        inner = get(gates_at + 3 * H, real, ACC)
        if p_dy is not None:
            d_state += get(dy_at, real, ACC)
            dy_at -= dy_t
        if p_reset is not None:
            forget = cut(reset_at, real_row)
            h = tl.where(forget, 0.0, h)
        dz_r, dz_z, dz_n, d_inner, d_state = gru_cell_grad(d_state, r, z, n, inner, h)
        put(dz_at, dz_r, real)
        put(dz_at + H, dz_z, real)
        put(dz_at + 2 * H, dz_n, real)
        put(dz_h_at, dz_r, real)
        put(dz_h_at + H, dz_z, real)
        put(dz_h_at + 2 * H, d_inner, real)
        d_state = pull_back(dz_r, w_r, v_r, d_state, FACTORED, DT, OP, ACC, PREC)
        d_state = pull_back(dz_z, w_z, v_z, d_state, FACTORED, DT, OP, ACC, PREC)
        d_state = pull_back(d_inner, w_n, v_n, d_state, FACTORED, DT, OP, ACC, PREC)
        if p_reset is not None:
            d_state = tl.where(forget, 0.0, d_state)
            reset_at -= batch
        gates_at -= batch * (4 * H)
        t -= 1
        dz_at -= batch * (3 * H)
        dz_h_at -= batch * (3 * H)
    put(p_dh0 + end, d_state, real)
