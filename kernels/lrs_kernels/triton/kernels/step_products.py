"""The products of one time step, for hidden sizes whose weights fit no multiprocessor.

Here a program owns BB rows and BN hidden units of one member, for all gates, and reads weights and
the whole previous state from memory; one launch is one step, so the launch is the barrier between
the steps. Weights are effective, `(P, G, H, H)`, already rounded to DT. Grid: batch tiles, unit
tiles, members.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def place_step(B, H: tl.constexpr, BB: tl.constexpr, BN: tl.constexpr):
    """Member, rows `(BB,)`, units `(BN,)`, which rows and which elements are real."""
    member = tl.program_id(2).to(tl.int64)
    row = (tl.program_id(0) * BB + tl.arange(0, BB)).to(tl.int64)
    unit = tl.program_id(1) * BN + tl.arange(0, BN)
    real_row = row < B
    return member, row, unit, real_row, real_row[:, None] & (unit < H)[None, :]


@triton.jit
def _state(p_state, real_row, forget, k, H: tl.constexpr, DT: tl.constexpr, OP: tl.constexpr):
    """A `(BB, BK)` block of the previous state, zero where it is forgotten."""
    state = tl.load(p_state + k[None, :], mask=real_row[:, None] & (k < H)[None, :], other=0.0)
    return tl.where(forget, 0.0, state).to(DT).to(OP)


@triton.jit
def _weight(p_w, gate: tl.constexpr, unit, k, H: tl.constexpr, OP: tl.constexpr):
    """A `(BK, BN)` block of a gate's matrix, transposed: rows are inputs."""
    inside = (k < H)[:, None] & (unit < H)[None, :]
    at = p_w + gate * H * H + unit[None, :] * H + k[:, None]
    return tl.load(at, mask=inside, other=0.0).to(OP)


@triton.jit
def products_of_one(
    p_state,  # (BB, 1) pointers to rows of the previous state
    p_w,
    real_row,
    forget,  # (BB, 1)
    unit,
    H: tl.constexpr,
    BB: tl.constexpr,
    BN: tl.constexpr,
    BK: tl.constexpr,
    DT: tl.constexpr,
    OP: tl.constexpr,
    ACC: tl.constexpr,
    PREC: tl.constexpr,
):
    """`h @ W.T` of a single gate, `(BB, BN)`."""
    z = tl.zeros((BB, BN), ACC)
    for start in range(0, H, BK):
        k = start + tl.arange(0, BK)
        h = _state(p_state, real_row, forget, k, H, DT, OP)
        z = tl.dot(h, _weight(p_w, 0, unit, k, H, OP), z, input_precision=PREC, out_dtype=ACC)
    return z


@triton.jit
def products_of_three(
    p_state,
    p_w,
    real_row,
    forget,
    unit,
    H: tl.constexpr,
    BB: tl.constexpr,
    BN: tl.constexpr,
    BK: tl.constexpr,
    DT: tl.constexpr,
    OP: tl.constexpr,
    ACC: tl.constexpr,
    PREC: tl.constexpr,
):
    """`h @ W.T` of three gates; the state is read once."""
    a = tl.zeros((BB, BN), ACC)
    b = tl.zeros((BB, BN), ACC)
    c = tl.zeros((BB, BN), ACC)
    for start in range(0, H, BK):
        k = start + tl.arange(0, BK)
        h = _state(p_state, real_row, forget, k, H, DT, OP)
        a = tl.dot(h, _weight(p_w, 0, unit, k, H, OP), a, input_precision=PREC, out_dtype=ACC)
        b = tl.dot(h, _weight(p_w, 1, unit, k, H, OP), b, input_precision=PREC, out_dtype=ACC)
        c = tl.dot(h, _weight(p_w, 2, unit, k, H, OP), c, input_precision=PREC, out_dtype=ACC)
    return a, b, c


@triton.jit
def products_of_four(
    p_state,
    p_w,
    real_row,
    forget,
    unit,
    H: tl.constexpr,
    BB: tl.constexpr,
    BN: tl.constexpr,
    BK: tl.constexpr,
    DT: tl.constexpr,
    OP: tl.constexpr,
    ACC: tl.constexpr,
    PREC: tl.constexpr,
):
    """`h @ W.T` of four gates; the state is read once."""
    a = tl.zeros((BB, BN), ACC)
    b = tl.zeros((BB, BN), ACC)
    c = tl.zeros((BB, BN), ACC)
    d = tl.zeros((BB, BN), ACC)
    for start in range(0, H, BK):
        k = start + tl.arange(0, BK)
        h = _state(p_state, real_row, forget, k, H, DT, OP)
        a = tl.dot(h, _weight(p_w, 0, unit, k, H, OP), a, input_precision=PREC, out_dtype=ACC)
        b = tl.dot(h, _weight(p_w, 1, unit, k, H, OP), b, input_precision=PREC, out_dtype=ACC)
        c = tl.dot(h, _weight(p_w, 2, unit, k, H, OP), c, input_precision=PREC, out_dtype=ACC)
        d = tl.dot(h, _weight(p_w, 3, unit, k, H, OP), d, input_precision=PREC, out_dtype=ACC)
    return a, b, c, d


@triton.jit
def pulled_back(
    p_dz,  # (BB, 1) pointers to rows of the gradients of step t + 1, G*H wide
    p_w,
    real_row,
    unit,
    G: tl.constexpr,
    H: tl.constexpr,
    BB: tl.constexpr,
    BN: tl.constexpr,
    BK: tl.constexpr,
    DT: tl.constexpr,
    OP: tl.constexpr,
    ACC: tl.constexpr,
    PREC: tl.constexpr,
):
    """`dz @ W` summed over all gates, `(BB, BN)`: their matrices lie on top of each other."""
    d = tl.zeros((BB, BN), ACC)
    for start in range(0, G * H, BK):
        k = start + tl.arange(0, BK)
        real_k = k < G * H
        dz = tl.load(p_dz + k[None, :], mask=real_row[:, None] & real_k[None, :], other=0.0)
        inside = real_k[:, None] & (unit < H)[None, :]
        w = tl.load(p_w + k[:, None] * H + unit[None, :], mask=inside, other=0.0).to(OP)
        d = tl.dot(dz.to(DT).to(OP), w, d, input_precision=PREC, out_dtype=ACC)
    return d
