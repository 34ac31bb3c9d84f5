"""Elman network over the whole sequence: one launch forward, one backward.

    h_t = tanh(x_t + W h_{t-1}), or relu in place of tanh.

The derivative of either is a function of h_t, so nothing but the states is saved. Layout as in
`cfc.py`.
"""

from __future__ import annotations

import triton
import triton.language as tl

from lrs_kernels.triton.kernels.activations import tanh
from lrs_kernels.triton.kernels.tiles import cut, get, place, put
from lrs_kernels.triton.kernels.weights import load_left, load_right, project, pull_back


@triton.jit
def rnn_cell(z, RELU: tl.constexpr, FAST: tl.constexpr):
    """The new h of one step."""
    if RELU:
        return tl.maximum(z, 0.0)
    else:
        return tanh(z, FAST)


@triton.jit
def rnn_cell_grad(d, y, RELU: tl.constexpr):
    """dL/dz, given d = dL/dh_t and y = h_t."""
    if RELU:
        return tl.where(y > 0.0, d, 0.0)
    else:
        return d * (1.0 - y * y)


@triton.jit(do_not_specialize=["T", "B"])
def rnn_forward_kernel(
    p_x,  # (P, T, B, H), strided
    p_left,
    p_right,
    p_mask,
    p_h0,  # (P, B, H)
    p_reset,  # None or (P, T, B) bytes
    p_y,  # (P, T, B, H), out
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
    RELU: tl.constexpr,
):
    """Forward pass of a batch tile (grid axis 0) of a member (grid axis 1)."""
    member, row, unit, batch, real_row, real = place(B, H, HP, BB)
    p_left += member * left_p
    if p_right is not None:
        p_right += member * right_p
    if p_mask is not None:
        p_mask += member * mask_p
    w = load_left(p_left, p_right, p_mask, 0, H, HP, R, RP, FACTORED, DT, OP, ACC, PRODUCT)
    v = w
    if FACTORED:
        v = load_right(p_right, 0, H, HP, R, RP, DT, OP)
    first = member * T * batch + row  # (BB,), row of step 0 in a (P * T * B, ...) table
    state = get(p_h0 + (member * batch + row)[:, None] * H + unit[None, :], real, ACC)
    x_at = p_x + member * x_p + row[:, None] * x_b + unit[None, :]
    y_at = p_y + first[:, None] * H + unit[None, :]
    if p_reset is not None:
        reset_at = p_reset + first
    for _ in tl.range(0, T, num_stages=NS):
        if p_reset is not None:
            state = tl.where(cut(reset_at, real_row), 0.0, state)
            reset_at += batch
        z = project(state.to(DT).to(OP), w, v, get(x_at, real, ACC), FACTORED, DT, OP, ACC, PREC)
        state = rnn_cell(z, RELU, FAST)
        put(y_at, state, real)
        x_at += x_t
        y_at += batch * H


@triton.jit(do_not_specialize=["T", "B"])
def rnn_backward_kernel(
    p_dy,  # None or (P, T, B, H), strided
    p_d_final,  # None or (P, B, H)
    p_y,  # (P, T, B, H)
    p_left,
    p_right,
    p_mask,
    p_reset,  # None or (P, T, B) bytes
    p_dz,  # (P, T, B, H), out
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
    RELU: tl.constexpr,
):
    """Walk back once: dL/dz of every step and dL/dh_0."""
    member, row, unit, batch, real_row, real = place(B, H, HP, BB)
    p_left += member * left_p
    if p_right is not None:
        p_right += member * right_p
    if p_mask is not None:
        p_mask += member * mask_p
    w = load_left(p_left, p_right, p_mask, 0, H, HP, R, RP, FACTORED, DT, OP, ACC, PRODUCT)
    v = w
    if FACTORED:
        v = load_right(p_right, 0, H, HP, R, RP, DT, OP)
    end = (member * batch + row)[:, None] * H + unit[None, :]  # (BB, HP) in a (P * B, H) table
    last = (member * T + (T - 1)) * batch + row  # (BB,), row of step T - 1 in a (P * T * B) table
    d_state = tl.zeros((BB, HP), ACC)
    if p_d_final is not None:
        d_state += get(p_d_final + end, real, ACC)
    if p_dy is not None:
        back = member * dy_p + tl.cast(T - 1, tl.int64) * dy_t
        dy_at = p_dy + back + row[:, None] * dy_b + unit[None, :]
    y_at = p_y + last[:, None] * H + unit[None, :]
    dz_at = p_dz + last[:, None] * H + unit[None, :]
    if p_reset is not None:
        reset_at = p_reset + last
    for _ in tl.range(0, T, num_stages=NS):
        y = get(y_at, real, ACC)
        if p_dy is not None:
            d_state += get(dy_at, real, ACC)
            dy_at -= dy_t
        dz = rnn_cell_grad(d_state, y, RELU)
        put(dz_at, dz, real)
        d_state = tl.zeros((BB, HP), ACC)
        d_state = pull_back(dz, w, v, d_state, FACTORED, DT, OP, ACC, PREC)
        if p_reset is not None:
            d_state = tl.where(cut(reset_at, real_row), 0.0, d_state)
            reset_at -= batch
        y_at -= batch * H
        dz_at -= batch * H
    put(p_dh0 + end, d_state, real)
