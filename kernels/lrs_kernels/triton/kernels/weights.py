"""The prologue: recurrent weights on their way into shared memory, and the products with them.

A kernel asks once, before its time loop, for the `left` and `right` part of every gate's matrix and
then multiplies by them in every step. Three kinds of weights look alike to it:

- dense: left is `W`, or `W * M` where there is a mask;
- low rank, formed here: left is `W1 @ W2 * M`, computed on chip; no launch, no round trip;
- FACTORED, for a mask of all ones: left is `W1`, right is `W2`, and `h @ W.T` becomes
  `(h @ W2.T) @ W1.T`. It needs 2 H r instead of H^2 numbers on chip, which is how H = 256 fits.

Forward passes multiply by transposed matrices. Tensor cores read those from shared memory without a
copy, scalar arithmetic (`ieee`) does not: there the prologue loads them TURNED, once.

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
def round_to(x, K: tl.constexpr):
    """A block as an operand of products."""
    return x.to(K.DT).to(K.OP)


@triton.jit
def load_weights(
    p_left, p_right, p_mask, left_p, right_p, mask_p, member, TURNED: tl.constexpr, K: tl.constexpr
):
    """A member's left and right parts of all gates, TURNED or not; right ones only if FACTORED."""
    G: tl.constexpr = K.cell.gates
    p_left += member * left_p
    if p_right is not None:
        p_right += member * right_p
    if p_mask is not None:
        p_mask += member * mask_p
    ranks = tl.arange(0, K.RP) if K.FACTORED else 0
    left = ()
    right = ()
    for gate in tl.static_range(G):
        left += (_left(p_left, p_right, p_mask, gate, TURNED, K),)
        if K.FACTORED:
            p_w2 = p_right + gate * K.R * K.H
            right += (round_to(_load(p_w2, ranks, tl.arange(0, K.HP), K.R, K.H, TURNED), K),)
    return left, right


@triton.jit
def _load(p, row, col, ROWS: tl.constexpr, COLS: tl.constexpr, TURNED: tl.constexpr):
    """Rows and columns of a row-major `(ROWS, COLS)` matrix, zero outside; TURNED: transposed."""
    if TURNED:
        inside = (row < ROWS)[None, :] & (col < COLS)[:, None]
        at = p + row[None, :] * COLS + col[:, None]
    else:
        inside = (row < ROWS)[:, None] & (col < COLS)[None, :]
        at = p + row[:, None] * COLS + col[None, :]
    return tl.load(at, mask=inside, other=0.0)


@triton.jit
def _left(p_left, p_right, p_mask, gate: tl.constexpr, TURNED: tl.constexpr, K: tl.constexpr):
    """`W`, `W * M`, `W1 @ W2 * M` (each `(HP, HP)`, out by in) or, FACTORED, `W1` `(HP, RP)`."""
    units = tl.arange(0, K.HP)
    if K.FACTORED:
        ranks = tl.arange(0, K.RP)
        weight = _load(p_left + gate * K.H * K.R, units, ranks, K.H, K.R, TURNED).to(K.ACC)
    elif K.R > 0:
        CHUNK: tl.constexpr = K.RP if K.RP < RANK_CHUNK else RANK_CHUNK
        weight = tl.full((K.HP, K.HP), 0.0, K.ACC)
        for k in range(0, K.RP, CHUNK):
            ranks = k + tl.arange(0, CHUNK)
            w1 = round_to(_load(p_left + gate * K.H * K.R, units, ranks, K.H, K.R, TURNED), K)
            w2 = round_to(_load(p_right + gate * K.R * K.H, ranks, units, K.R, K.H, TURNED), K)
            if TURNED:
                weight = tl.dot(w2, w1, weight, input_precision=K.PRODUCT, out_dtype=K.ACC)
            else:
                weight = tl.dot(w1, w2, weight, input_precision=K.PRODUCT, out_dtype=K.ACC)
    else:
        weight = _load(p_left + gate * K.H * K.H, units, units, K.H, K.H, TURNED).to(K.ACC)
    if p_mask is not None:
        p_mask += gate * K.H * K.H
        weight = weight * _load(p_mask, units, units, K.H, K.H, TURNED).to(K.ACC)
    return round_to(weight, K)


@triton.jit
def _transposed(w, K: tl.constexpr):
    """What the prologue has left, transposed; TURNED it is already."""
    if K.TURNED:
        return w
    else:
        return w.T


@triton.jit
def multiply(a, b, total, K: tl.constexpr):
    """`total + a @ b`."""
    return tl.dot(a, b, total, input_precision=K.PREC, out_dtype=K.ACC)


@triton.jit
def project(state, left, right, x, bias, K: tl.constexpr):
    """Pre-activations `x + state @ W.T` of all gates; `bias` stands for x at the gate `after`."""
    G: tl.constexpr = K.cell.gates
    h = round_to(state, K)
    z = ()
    for gate in tl.static_range(G):
        start = bias if gate == K.cell.after else x[gate]
        w = _transposed(left[gate], K)
        if K.FACTORED:
            w2 = _transposed(right[gate], K)
            low = tl.dot(h, w2, input_precision=K.PREC, out_dtype=K.ACC)  # (BB, RP)
            z += (multiply(round_to(low, K), w, start, K),)
        else:
            z += (multiply(h, w, start, K),)
    return z


@triton.jit
def pull_back(dz, left, right, d, K: tl.constexpr):
    """`d + dz @ W`, summed over all gates: what reaches h_{t-1}."""
    G: tl.constexpr = K.cell.gates
    for gate in tl.static_range(G):
        dz_gate = round_to(dz[gate], K)
        if K.FACTORED:
            low = tl.dot(dz_gate, left[gate], input_precision=K.PREC, out_dtype=K.ACC)  # (BB, RP)
            d = multiply(round_to(low, K), right[gate], d, K)
        else:
            d = multiply(dz_gate, left[gate], d, K)
    return d
