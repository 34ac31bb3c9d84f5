"""The prologue: recurrent weights on their way onto the chip, and the products with them.

A kernel asks once, before its time loop, for the `left` and `right` part of every gate's matrix and
then multiplies by them in every step. Three kinds of weights look alike to it:

- dense: left is `W`, or `W * M` where there is a mask;
- low rank, formed here: left is `W1 @ W2 * M`, computed on chip; no launch, no round trip;
- FACTORED, for a mask of all ones: left is `W1`, right is `W2`, and `W @ h` becomes
  `W1 @ (W2 @ h)`. It needs 2 H r instead of H^2 numbers on chip, which is how H = 256 fits.

States are columns, so a product is `W @ h`, weights first: tensor cores take 16 rows of their first
operand but 8 columns of the second, and 8 batch rows fill them. Backward passes multiply by
transposed matrices, which the prologue loads TURNED, once.

Scalar arithmetic (`ieee`) wants the other order: threads side by side on units, whose weights lie
side by side. So there products are formed transposed (K.FLIPPED), of matrices that lie so.

With K.HELD the matrices stay in the registers of the threads that multiply by them, for all T
steps; else in shared memory, which every step reads again. There they must lie in the order of
the products, so such a pass is given whole matrices, and the way back gets them transposed.

Letters: H hidden size, R rank, BB batch rows; HP and RP are H and R padded to powers of two (at
least 16, the smallest inner size of `tl.dot`). Padding is zero, so padded units stay out of every
sum. DT is the type operands are rounded to, OP the type they are multiplied in (it differs from DT
only in the interpreter, which cannot multiply bfloat16), ACC the type of sums.
"""

from __future__ import annotations

import triton
import triton.language as tl

from lrs_kernels.triton.kernels.tiles import in_order

RANK_CHUNK = tl.constexpr(32)
"""Columns of W1 multiplied at a time in the prologue: keeps its registers below the loop's."""


@triton.jit
def round_to(x, K: tl.constexpr):
    """A block as an operand of products."""
    return x.to(K.DT).to(K.OP)


@triton.jit
def multiply(a, b, total, K: tl.constexpr):
    """`total + a @ b`; with K.FLIPPED `a` comes transposed, and so the product is formed."""
    if K.FLIPPED:
        flipped = tl.dot(b.T, a, total.T, input_precision=K.PREC, out_dtype=K.ACC)
        return flipped.T
    else:
        return tl.dot(a, b, total, input_precision=K.PREC, out_dtype=K.ACC)


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
        weight = in_order(_left(p_left, p_right, p_mask, gate, TURNED, K), K)
        if K.HELD and K.DIRECT:
            weight = _held(weight, K)
            tl.debug_barrier()  # gate by gate: all at once would not fit the registers
        left += (weight,)
        if K.FACTORED:
            p_w2 = p_right + gate * K.R * K.H
            right += (round_to(_load(p_w2, ranks, tl.arange(0, K.HP), K.R, K.H, TURNED), K),)
    return left, right


@triton.jit
def _held(weight, K: tl.constexpr):
    """The rounded matrix, spread over the threads as accumulators of the loop's products are.

    As it lies there it is an operand of the next product (both are 16 x 16 blocks of 16-bit
    numbers), so nothing moves in the loop. Layouts cannot be asked for: a product of the loop's
    shape lends its own, to a second operand that the assembly ignores.
    """
    nothing = tl.full((K.HP, 16), 0.0, K.DT)
    lender = tl.dot(nothing, tl.full((16, K.BB), 0.0, K.DT), out_dtype=K.ACC)
    layout = tl.broadcast_to(tl.sum(lender, axis=1).to(K.DT)[:, None], (K.HP, K.HP))
    return tl.inline_asm_elementwise(
        "mov.b32 $0, $1; // $2", "=r,r,r", [weight, layout], K.DT, is_pure=True, pack=2
    )


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
def project(state, left, right, x, bias, K: tl.constexpr):
    """Pre-activations `x + W @ state` of all gates; `bias` stands for x at the gate `after`."""
    G: tl.constexpr = K.cell.gates
    h = round_to(state, K)
    z = ()
    for gate in tl.static_range(G):
        start = bias if gate == K.cell.after else x[gate]
        if K.FACTORED:
            low = tl.dot(right[gate], h, input_precision=K.PREC, out_dtype=K.ACC)  # (RP, BB)
            z += (multiply(left[gate], round_to(low, K), start, K),)
        else:
            z += (multiply(left[gate], h, start, K),)
    return z


@triton.jit
def pull_back(dz, left, right, d, K: tl.constexpr):
    """`d + W.T @ dz`, summed over all gates: what reaches h_{t-1}; weights are TURNED."""
    G: tl.constexpr = K.cell.gates
    operands = ()
    for gate in tl.static_range(G):  # all of them first: one barrier then serves all
        operands += (round_to(dz[gate], K),)
    # No gate waits for another: each has a sum of its own, and `d` is in the first.
    sums = ()
    for gate in tl.static_range(G):
        total = d if gate == 0 else tl.full((K.HP, K.BB), 0.0, K.ACC)
        if K.FACTORED:
            low = tl.dot(left[gate], operands[gate], input_precision=K.PREC, out_dtype=K.ACC)
            sums += (_multiply_apart(right[gate], round_to(low, K), total, K),)  # low (RP, BB)
        else:
            sums += (_multiply_apart(left[gate], operands[gate], total, K),)
    total = sums[0]
    for gate in tl.static_range(1, G):
        total += sums[gate]
    return total


@triton.jit
def _multiply_apart(a, b, total, K: tl.constexpr):
    """`total + a @ b`, never continued by a later sum.

    Without the last argument the compiler would make one chain of products again of products that
    are added. It says nothing else: it concerns 8-bit floats.
    """
    if K.FLIPPED:
        return multiply(a, b, total, K)
    else:
        return tl.dot(
            a, b, total, input_precision=K.PREC, out_dtype=K.ACC, max_num_imprecise_acc=16
        )  # fmt: skip
