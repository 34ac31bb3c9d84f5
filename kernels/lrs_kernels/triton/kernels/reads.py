"""What a time step reads from memory, asked for some steps before it is needed.

Four warps hide no latency: a load that is waited for at once costs a step more than its
arithmetic. So a kernel keeps a queue of K.AHEAD reads: it takes the oldest, and asks for one more.
Absent inputs are zeros, which the compiler drops.
"""

from __future__ import annotations

import triton
import triton.language as tl

from lrs_kernels.triton.kernels.tiles import get, get_all, get_flags


@triton.jit
def read_forward(
    p_x, p_dt, p_reset, x_t, batch, real, real_row, left, LATER: tl.constexpr, K: tl.constexpr
):
    """Inputs (a tuple of tiles), time span and flag `(1, BB)` of the step LATER than the pointers'.

    `left` `(1, BB)` counts the pointers' step and all after it; beyond the last are zeros.
    """
    there = left > LATER
    x = get_all(p_x + LATER * x_t, K.cell.gates, real & there, K)
    span, flag = _per_row(p_dt, p_reset, LATER * batch, real_row & there, K)
    return x, span, flag


@triton.jit
def read_backward(
    p_dy, p_gates, p_states, p_time, p_dt, p_reset, dy_t, batch, real, real_row, left,
    LATER: tl.constexpr, K: tl.constexpr,
):  # fmt: skip
    """What the way back wants of a step: saved tiles, dy, states, time, and time span and flag.

    LATER and `left` as above, but time runs backwards. A cell that wants the state before a step
    has none of it in the sequence at the last one, step 0.
    """
    there = left > LATER
    back = LATER * batch
    nothing = tl.full((K.HP, K.BB), 0.0, K.ACC)
    saved = ()
    if p_gates is not None:
        saved = get_all(p_gates - back * (K.cell.saved * K.H), K.cell.saved, real & there, K)
    dy = nothing
    if p_dy is not None:
        dy = get(p_dy - LATER * dy_t, real & there, K)
    states = nothing
    if p_states is not None:
        BEFORE: tl.constexpr = 1 if K.cell.functions.wants_before else 0
        states = get(p_states - (back + BEFORE * batch) * K.H, real & (left > LATER + BEFORE), K)
    time = nothing
    if p_time is not None:
        time = get(p_time - back * K.H, real & there, K)
    span, flag = _per_row(p_dt, p_reset, -back, real_row & there, K)
    return saved, dy, states, time, span, flag


@triton.jit
def _per_row(p_dt, p_reset, offset, real, K: tl.constexpr):
    """Time span and flag of each row, `(1, BB)`."""
    span = tl.full((1, K.BB), 0.0, K.ACC)
    if p_dt is not None:
        span = get(p_dt + offset, real, K)
    flag = tl.full((1, K.BB), 0, tl.int32)
    if p_reset is not None:
        flag = get_flags(p_reset + offset, real, K)
    return span, flag
