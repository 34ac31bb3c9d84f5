"""Any cell over the whole sequence: one launch forward, one backward, state and weights on chip.

A program owns BB rows of the batch and all H units of one member of the population: the state
never leaves its registers, no program waits for another, nothing that was written to global memory
is read back. What a step reads from memory was asked for AHEAD steps before (`reads.py`). Tiles are
`(HP, BB)`, units by rows. Letters as in `weights.py`; T time, B batch, P population, G recurrent
matrices, S saved tiles.
"""

from __future__ import annotations

import triton
import triton.language as tl

from lrs_kernels.triton.kernels.reads import read_backward, read_forward
from lrs_kernels.triton.kernels.tiles import get, put, put_all, stretch, units
from lrs_kernels.triton.kernels.weights import load_weights, project, pull_back


@triton.jit
def place(B, K: tl.constexpr):
    """Member, rows `(1, BB)`, units `(HP, 1)`, batch size, which rows and which elements are real.

    Offsets are 64-bit: T B 3H passes 2^31 at sizes people use.
    """
    member = tl.program_id(1).to(tl.int64)
    row = (tl.program_id(0) * K.BB + tl.arange(0, K.BB)).to(tl.int64)[None, :]
    unit = units(K)[:, None]
    batch = B.to(tl.int64)
    real_row = row < batch
    return member, row, unit, batch, real_row, real_row & (unit < K.H)


@triton.jit(do_not_specialize=["T", "B", "x_p", "x_t", "x_b"])
def scan_forward_kernel(
    p_x,  # (P, T, B, G*H), strided
    p_left,  # (P, G, H, H) or W1 (P, G, H, R)
    p_right,  # None or W2 (P, G, R, H)
    p_mask,  # None or (P, G, H, H)
    p_h0,  # (P, B, H)
    p_c0,  # None or (P, B, H)
    p_bias,  # None or (P, H), of the gate `after`
    p_dt,  # None or (P, T, B)
    p_reset,  # None or (P, T, B) integers
    p_y,  # (P, T, B, H), out
    p_c_n,  # None or (P, B, H), out; together with p_c0
    p_gates,  # None or (P, T, B, S*H), out
    p_cells,  # None or (P, T, B, H), out
    p_time,  # None or (P, T, B, H), out: what dt multiplies, for the gradient of dt
    x_p,
    x_t,
    x_b,
    left_p,
    right_p,
    mask_p,
    T,
    B,
    K: tl.constexpr,
):
    """Forward pass of a batch tile (grid axis 0) of a member (grid axis 1)."""
    member, row, unit, batch, real_row, real = place(B, K)
    left, right = load_weights(p_left, p_right, p_mask, left_p, right_p, mask_p, member, False, K)
    bias = tl.full((K.HP, K.BB), 0.0, K.ACC)
    if p_bias is not None:
        bias += get(p_bias + member * K.H + unit, unit < K.H, K)
    end = (member * batch + row) * K.H + unit  # (HP, BB) in a (P * B, H) table
    first = member * T * batch + row  # (1, BB), row of step 0 in a (P * T * B, ...) table
    narrow = first * K.H + unit
    state = get(p_h0 + end, real, K)
    cell = state
    if p_c0 is not None:
        cell = get(p_c0 + end, real, K)
    p_x += member * x_p + row * x_b + unit
    p_y += narrow
    if p_gates is not None:
        p_gates += first * (K.cell.saved * K.H) + unit
    if p_cells is not None:
        p_cells += narrow
    if p_time is not None:
        p_time += narrow
    if p_dt is not None:
        p_dt += first
    if p_reset is not None:
        p_reset += first
    AHEAD: tl.constexpr = K.AHEAD
    remaining = tl.full((1, K.BB), 0, tl.int32) + T
    queue = ()
    for i in tl.static_range(AHEAD):
        queue += (
            read_forward(p_x, p_dt, p_reset, x_t, batch, real, real_row, remaining, i, K),
        )  # fmt: skip
    for _ in range(T):
        x, span, flag = queue[0]
        queue = queue[1:]
        queue += (
            read_forward(p_x, p_dt, p_reset, x_t, batch, real, real_row, remaining, AHEAD, K),
        )  # fmt: skip
        remaining -= 1
        if p_reset is not None:
            state = tl.where(flag != 0, 0.0, state)
            if p_c0 is not None:
                cell = tl.where(flag != 0, 0.0, cell)
            p_reset += batch
        z = project(state, left, right, x, bias, K)
        if p_time is not None:
            put(p_time, z[2], real, K)
            p_time += batch * K.H
        if p_dt is not None:
            z = stretch(z, span, K)
            p_dt += batch
        saved, state, cell = K.cell.step(z, x, state, cell, K)
        put(p_y, state, real, K)
        if p_gates is not None:
            put_all(p_gates, saved, K.cell.saved, real, K)
            p_gates += batch * (K.cell.saved * K.H)
        if p_cells is not None:
            put(p_cells, cell, real, K)
            p_cells += batch * K.H
        p_x += x_t
        p_y += batch * K.H
    if p_c_n is not None:
        put(p_c_n + end, cell, real, K)


@triton.jit(do_not_specialize=["T", "B", "dy_p", "dy_t", "dy_b"])
def scan_backward_kernel(
    p_dy,  # None or (P, T, B, H), strided
    p_d_final,  # None or (P, B, H)
    p_dc_n,  # None or (P, B, H)
    p_gates,  # None or (P, T, B, S*H)
    p_states,  # None or (P, T, B, H): `history` of the cell
    p_initial,  # None or (P, B, H): before step 0, for cells that want h_{t-1} or c_{t-1}
    p_left,
    p_right,
    p_mask,
    p_dt,  # None or (P, T, B)
    p_time,  # None or (P, T, B, H)
    p_reset,  # None or (P, T, B) integers
    p_dz,  # (P, T, B, G*H), out
    p_dz_h,  # None or (P, T, B, G*H), out: of the recurrent products, where it differs
    p_dh0,  # (P, B, H), out
    p_dc0,  # None or (P, B, H), out
    p_d_dt,  # None or (P, T, B), out; together with p_time
    dy_p,
    dy_t,
    dy_b,
    left_p,
    right_p,
    mask_p,
    T,
    B,
    K: tl.constexpr,
):
    """Walk back once: dL/dz of every step, dL/dh_0, and dL/dc_0 and dL/d dt where asked."""
    member, row, unit, batch, real_row, real = place(B, K)
    TURNED: tl.constexpr = K.HELD or K.FACTORED
    left, right = load_weights(p_left, p_right, p_mask, left_p, right_p, mask_p, member, TURNED, K)
    end = (member * batch + row) * K.H + unit  # (HP, BB) in a (P * B, H) table
    last = (member * T + (T - 1)) * batch + row  # (1, BB), row of step T - 1 in a (P * T * B) table
    narrow = last * K.H + unit
    d_state = tl.full((K.HP, K.BB), 0.0, K.ACC)
    d_cell = tl.full((K.HP, K.BB), 0.0, K.ACC)
    if p_d_final is not None:
        d_state += get(p_d_final + end, real, K)
    if p_dc_n is not None:
        d_cell += get(p_dc_n + end, real, K)
    now = d_cell
    initial = d_cell
    if p_dy is not None:
        p_dy += member * dy_p + tl.cast(T - 1, tl.int64) * dy_t + row * dy_b + unit
    if p_gates is not None:
        p_gates += last * (K.cell.saved * K.H) + unit
    p_dz += last * (K.cell.gates * K.H) + unit
    if p_dz_h is not None:
        p_dz_h += last * (K.cell.gates * K.H) + unit
    if p_states is not None:
        p_states += narrow
    if p_initial is not None:
        # Every state is read once: what is `before` now is `now` one step earlier.
        initial = get(p_initial + end, real, K)
        now = get(p_states, real, K)
    if p_time is not None:
        p_time += narrow
    if p_dt is not None:
        p_dt += last
    if p_d_dt is not None:
        p_d_dt += last
    if p_reset is not None:
        p_reset += last
    AHEAD: tl.constexpr = K.AHEAD
    remaining = tl.full((1, K.BB), 0, tl.int32) + T
    queue = ()
    for i in tl.static_range(AHEAD):
        queue += (
            read_backward(
                p_dy, p_gates, p_states, p_time, p_dt, p_reset, dy_t, batch, real, real_row,
                remaining, i, K,
            ),
        )  # fmt: skip
    for _ in range(T):
        saved, dy, states, time, span, flag = queue[0]
        queue = queue[1:]
        queue += (
            read_backward(
                p_dy, p_gates, p_states, p_time, p_dt, p_reset, dy_t, batch, real, real_row,
                remaining, AHEAD, K,
            ),
        )  # fmt: skip
        forget = flag != 0
        before = states
        if p_initial is not None:
            earlier = tl.where(remaining > 1, states, initial)
            before = earlier
            if p_reset is not None:
                before = tl.where(forget, 0.0, earlier)
        else:
            now = states
        dz, dz_h, direct, d_cell = K.cell.grad(d_state + dy, d_cell, saved, now, before, K)
        if p_initial is not None:
            now = earlier
        if p_d_dt is not None:
            put(p_d_dt, tl.sum(dz[2] * time, axis=0)[None, :], real_row, K)
            p_d_dt -= batch
        if p_dt is not None:
            dz = stretch(dz, span, K)
            dz_h = dz
        d_state = pull_back(dz_h, left, right, direct, K)
        put_all(p_dz, dz, K.cell.gates, real, K)
        p_dz -= batch * (K.cell.gates * K.H)
        if p_dz_h is not None:
            put_all(p_dz_h, dz_h, K.cell.gates, real, K)
            p_dz_h -= batch * (K.cell.gates * K.H)
        if p_reset is not None:
            d_state = tl.where(forget, 0.0, d_state)
            if p_dc0 is not None:
                d_cell = tl.where(forget, 0.0, d_cell)
        remaining -= 1
        if p_dy is not None:
            p_dy -= dy_t
        if p_gates is not None:
            p_gates -= batch * (K.cell.saved * K.H)
        if p_states is not None:
            p_states -= batch * K.H
        if p_time is not None:
            p_time -= batch * K.H
        if p_dt is not None:
            p_dt -= batch
        if p_reset is not None:
            p_reset -= batch
    put(p_dh0 + end, d_state, real, K)
    if p_dc0 is not None:
        put(p_dc0 + end, d_cell, real, K)
