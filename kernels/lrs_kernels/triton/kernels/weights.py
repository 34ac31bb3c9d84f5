"""The prologue: recurrent weights on their way into shared memory, and the products with them.

A kernel asks once, before its time loop, for the `left` and `right` part of every gate's matrix and
then multiplies by them in every step. Three kinds of weights look alike to it:

- dense: left is `W`, or `W * M` where there is a mask;
- low rank, formed here: left is `W1 @ W2 * M`, computed on chip; no launch, no round trip;
- FACTORED, for a mask of all ones: left is `W1`, right is `W2`, and `h @ W.T` becomes
  `(h @ W2.T) @ W1.T`. It needs 2 H r instead of H^2 numbers on chip, which is how H = 256 fits.

Letters: H hidden size, R rank; HP and RP the same, padded to powers of two (at least 16, the
smallest inner size of `tl.dot`). Padding is zero, so padded units stay out of every sum. DT is the
type operands are rounded to, OP the type they are multiplied in (it differs from DT only in the
interpreter, which cannot multiply bfloat16), ACC the type of sums.
"""

from __future__ import annotations

import triton
import triton.language as tl

RANK_CHUNK = tl.constexpr(32)
"""Columns of W1 multiplied at a time in the prologue: keeps its registers below the loop's."""


@triton.jit
def _load(p, row, col, ROWS: tl.constexpr, COLS: tl.constexpr):
    """A `(len(row), len(col))` block of a row-major `(ROWS, COLS)` matrix, zero outside of it."""
    inside = (row < ROWS)[:, None] & (col < COLS)[None, :]
    return tl.load(p + row[:, None] * COLS + col[None, :], mask=inside, other=0.0)


@triton.jit
def load_left(
    p_left,
    p_right,
    p_mask,
    gate: tl.constexpr,
    H: tl.constexpr,
    HP: tl.constexpr,
    R: tl.constexpr,
    RP: tl.constexpr,
    FACTORED: tl.constexpr,
    DT: tl.constexpr,
    OP: tl.constexpr,
    ACC: tl.constexpr,
    PRODUCT: tl.constexpr,
):
    """`W`, `W * M`, `W1 @ W2 * M` (each `(HP, HP)`, out by in) or, FACTORED, `W1` `(HP, RP)`."""
    units = tl.arange(0, HP)
    if FACTORED:
        ranks = tl.arange(0, RP)
        weight = _load(p_left + gate * H * R, units, ranks, H, R).to(ACC)
    elif R > 0:
        CHUNK: tl.constexpr = RP if RP < RANK_CHUNK else RANK_CHUNK
        weight = tl.zeros((HP, HP), ACC)
        for k in range(0, RP, CHUNK):
            ranks = k + tl.arange(0, CHUNK)
            w1 = _load(p_left + gate * H * R, units, ranks, H, R).to(DT).to(OP)
            w2 = _load(p_right + gate * R * H, ranks, units, R, H).to(DT).to(OP)
            weight = tl.dot(w1, w2, weight, input_precision=PRODUCT, out_dtype=ACC)
    else:
        weight = _load(p_left + gate * H * H, units, units, H, H).to(ACC)
    if p_mask is not None:
        weight = weight * _load(p_mask + gate * H * H, units, units, H, H).to(ACC)
    return weight.to(DT).to(OP)


@triton.jit
def load_right(
    p_right,
    gate: tl.constexpr,
    H: tl.constexpr,
    HP: tl.constexpr,
    R: tl.constexpr,
    RP: tl.constexpr,
    DT: tl.constexpr,
    OP: tl.constexpr,
):
    """`W2`, `(RP, HP)`; only FACTORED kernels ask for it."""
    return _load(p_right + gate * R * H, tl.arange(0, RP), tl.arange(0, HP), R, H).to(DT).to(OP)


@triton.jit
def project(
    h,
    left,
    right,
    z,
    FACTORED: tl.constexpr,
    DT: tl.constexpr,
    OP: tl.constexpr,
    ACC: tl.constexpr,
    PREC: tl.constexpr,
):
    """`z + h @ W.T`: one gate's pre-activation. h `(BB, HP)` in OP, z `(BB, HP)` in ACC."""
    if FACTORED:
        low = tl.dot(h, right.T, input_precision=PREC, out_dtype=ACC)  # (BB, RP)
        return tl.dot(low.to(DT).to(OP), left.T, z, input_precision=PREC, out_dtype=ACC)
    else:
        return tl.dot(h, left.T, z, input_precision=PREC, out_dtype=ACC)


@triton.jit
def pull_back(
    dz,
    left,
    right,
    dh,
    FACTORED: tl.constexpr,
    DT: tl.constexpr,
    OP: tl.constexpr,
    ACC: tl.constexpr,
    PREC: tl.constexpr,
):
    """`dh + dz @ W`: one gate's share of dL/dh. dz `(BB, HP)` in ACC, rounded here."""
    dz = dz.to(DT).to(OP)
    if FACTORED:
        low = tl.dot(dz, left, input_precision=PREC, out_dtype=ACC)  # (BB, RP)
        return tl.dot(low.to(DT).to(OP), right, dh, input_precision=PREC, out_dtype=ACC)
    else:
        return tl.dot(dz, left, dh, input_precision=PREC, out_dtype=ACC)
