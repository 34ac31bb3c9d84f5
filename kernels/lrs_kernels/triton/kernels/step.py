"""One time step of any cell in one launch, forward or backward; the products are `step_products`.

The kernels take whole sequences and the step `t`, which a CUDA graph can freeze. A previous state
comes as a tensor of its own (`p_prev`, stride of members, row of its first state), since at t = 0
it is h0 and then a step of y. Letters as in `scan.py`.

The launches of a backward pass walk from T - 1 down to 0 and one further: at t = -1 only dL/dh_0 is
left to be formed. `p_direct` holds what reaches a state beside the products: the gradient of the
final state, and in a cell that has such a path (CARRIED) what `grad` gives for it in every step,
where a program reads and writes its own tile alone.
"""

from __future__ import annotations

import triton
import triton.language as tl

from lrs_kernels.triton.kernels.step_products import place_step, products, pulled_back
from lrs_kernels.triton.kernels.tiles import get, get_all, get_flags, put, put_all, stretch


@triton.jit(do_not_specialize=["t", "T", "B", "prev_at"])
def step_forward_kernel(
    p_x,  # (P, T, B, G*H), strided
    p_w,  # (P, G, H, H)
    p_prev,  # h0 (P, B, H) or y (P, T, B, H)
    p_c_prev,  # None, c0 (P, B, H) or the cells (P, T, B, H), as p_prev
    p_bias,  # None or (P, H), of the gate `after`
    p_dt,  # None or (P, T, B)
    p_reset,  # None or (P, T, B) integers
    p_y,  # (P, T, B, H), out
    p_gates,  # None or (P, T, B, S*H), out
    p_cells,  # None or (P, T, B, H), out
    p_time,  # None or (P, T, B, H), out
    x_p,
    x_t,
    x_b,
    w_p,
    prev_p,
    prev_at,
    t,
    T,
    B,
    K: tl.constexpr,
):
    """Step t forward."""
    member, row, unit, real_row, real = place_step(B, K)
    here = (member * T + t) * B + row  # (BB,), row of step t in a (P * T * B, ...) table
    narrow = here[:, None] * K.H + unit[None, :]
    forget = real_row[:, None] & (row < 0)[:, None]
    if p_reset is not None:
        forget = (get_flags(p_reset + here, real_row, K) != 0)[:, None]
    before = member * prev_p + (prev_at + row[:, None]) * K.H
    recurrent = products(p_prev + before, p_w + member * w_p, real_row, forget, unit, K)
    p_x += member * x_p + t.to(tl.int64) * x_t + row[:, None] * x_b + unit[None, :]
    x = get_all(p_x, K.cell.gates, real, K)
    bias = tl.full((K.BB, K.BN), 0.0, K.ACC)
    if p_bias is not None:
        bias += get(p_bias + member * K.H + unit, unit < K.H, K)[None, :]
    G: tl.constexpr = K.cell.gates
    z = ()
    for gate in tl.static_range(G):
        z += (recurrent[gate] + (bias if gate == K.cell.after else x[gate]),)
    if p_time is not None:
        put(p_time + narrow, z[2], real, K)
    if p_dt is not None:
        z = stretch(z, get(p_dt + here, real_row, K)[:, None], K)
    state = tl.where(forget, 0.0, get(p_prev + before + unit[None, :], real, K))
    cell = state
    if p_c_prev is not None:
        cell = tl.where(forget, 0.0, get(p_c_prev + before + unit[None, :], real, K))
    saved, state, cell = K.cell.step(z, x, state, cell, K)
    put(p_y + narrow, state, real, K)
    if p_cells is not None:
        put(p_cells + narrow, cell, real, K)
    if p_gates is not None:
        p_gates += here[:, None] * (K.cell.saved * K.H) + unit[None, :]
        put_all(p_gates, saved, K.cell.saved, real, K)


@triton.jit(do_not_specialize=["t", "T", "B", "prev_at"])
def step_backward_kernel(
    p_dy,  # None or (P, T, B, H), strided
    p_direct,  # (P, B, H), as above
    p_dc,  # None or (P, B, H): dL/dc_t, carried; at last dL/dc_0
    p_gates,  # None or (P, T, B, S*H)
    p_states,  # None or (P, T, B, H): `history` of the cell
    p_prev,  # None, or its states before step t, as above
    p_w,  # (P, G, H, H)
    p_dt,  # None or (P, T, B)
    p_time,  # None or (P, T, B, H)
    p_reset,  # None or (P, T, B) integers
    p_dz,  # (P, T, B, G*H), out
    p_dz_h,  # None or (P, T, B, G*H), out: of the recurrent products, where it differs
    p_dh0,  # (P, B, H), out
    p_d_dt,  # None or (P, T, B, H), out: per unit, summed afterwards
    dy_p,
    dy_t,
    dy_b,
    w_p,
    prev_p,
    prev_at,
    t,
    T,
    B,
    K: tl.constexpr,
):
    """Step t backward: dL/dh_t from step t + 1, then the gradients of the cell."""
    member, row, unit, real_row, real = place_step(B, K)
    CARRIED: tl.constexpr = p_dz_h is not None
    end = (member * B + row)[:, None] * K.H + unit[None, :]
    d = tl.full((K.BB, K.BN), 0.0, K.ACC)
    if CARRIED or t == T - 1:
        d += get(p_direct + end, real, K)
    if t < T - 1:
        after = (member * T + t + 1) * B + row  # (BB,)
        p_next = p_dz_h if CARRIED else p_dz
        p_next += after[:, None] * (K.cell.gates * K.H)
        d += pulled_back(p_next, p_w + member * w_p, real_row, unit, K)
        if p_reset is not None:
            d = tl.where((get_flags(p_reset + after, real_row, K) != 0)[:, None], 0.0, d)
    if t < 0:
        put(p_dh0 + end, d, real, K)
    else:
        here = (member * T + t) * B + row  # (BB,)
        narrow = here[:, None] * K.H + unit[None, :]
        if p_dy is not None:
            at = member * dy_p + t.to(tl.int64) * dy_t + row[:, None] * dy_b + unit[None, :]
            d += get(p_dy + at, real, K)
        saved = ()
        if p_gates is not None:
            gates_at = here[:, None] * (K.cell.saved * K.H) + unit[None, :]
            saved = get_all(p_gates + gates_at, K.cell.saved, real, K)
        forget = real & (row < 0)[:, None]
        if p_reset is not None:
            forget = forget | (get_flags(p_reset + here, real_row, K) != 0)[:, None]
        now = d
        if p_states is not None:
            now = get(p_states + narrow, real, K)
        before = d
        if p_prev is not None:
            at = member * prev_p + (prev_at + row[:, None]) * K.H + unit[None, :]
            before = tl.where(forget, 0.0, get(p_prev + at, real, K))
        d_cell = d
        if p_dc is not None:
            d_cell = get(p_dc + end, real, K)
        dz, dz_h, direct, d_cell = K.cell.grad(d, d_cell, saved, now, before, K)
        if p_dc is not None:
            put(p_dc + end, tl.where(forget, 0.0, d_cell), real, K)
        if p_d_dt is not None:
            put(p_d_dt + narrow, dz[2] * get(p_time + narrow, real, K), real, K)
        if p_dt is not None:
            dz = stretch(dz, get(p_dt + here, real_row, K)[:, None], K)
        dz_at = here[:, None] * (K.cell.gates * K.H) + unit[None, :]
        put_all(p_dz + dz_at, dz, K.cell.gates, real, K)
        if CARRIED:
            put(p_direct + end, direct, real, K)
            put_all(p_dz_h + dz_at, dz_h, K.cell.gates, real, K)
