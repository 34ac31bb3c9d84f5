"""The products of one time step, for hidden sizes whose weights fit no multiprocessor.

Here a program owns BB rows and BN hidden units of one member, for all gates, and reads weights and
the whole previous state from memory, BK inputs at a time; one launch is one step, so the launch is
the barrier between the steps. Weights are effective, `(P, G, H, H)`, already rounded to DT. Grid:
batch tiles, unit tiles, members.
"""

from __future__ import annotations

import triton
import triton.language as tl

from lrs_kernels.triton.kernels.weights import multiply, round_to


@triton.jit
def place_step(B, K: tl.constexpr):
    """Member, rows `(BB,)`, units `(BN,)`, which rows and which elements are real."""
    member = tl.program_id(2).to(tl.int64)
    row = (tl.program_id(0) * K.BB + tl.arange(0, K.BB)).to(tl.int64)
    unit = tl.program_id(1) * K.BN + tl.arange(0, K.BN)
    real_row = row < B
    return member, row, unit, real_row, real_row[:, None] & (unit < K.H)[None, :]


@triton.jit
def _weight(p_w, gate: tl.constexpr, unit, k, K: tl.constexpr):
    """A `(BK, BN)` block of a gate's matrix, transposed: rows are inputs."""
    inside = (k < K.H)[:, None] & (unit < K.H)[None, :]
    at = p_w + gate * K.H * K.H + unit[None, :] * K.H + k[:, None]
    return tl.load(at, mask=inside, other=0.0).to(K.OP)


@triton.jit
def products(p_state, p_w, real_row, forget, unit, K: tl.constexpr):
    """`h @ W.T` of all gates, G tiles `(BB, BN)`; the state is read once.

    p_state `(BB, 1)` points to rows of the previous state, zero where `forget` `(BB, 1)` is true.
    """
    G: tl.constexpr = K.cell.gates
    z = ()
    for _ in tl.static_range(G):
        z += (tl.full((K.BB, K.BN), 0.0, K.ACC),)
    for start in range(0, K.H, K.BK):
        k = start + tl.arange(0, K.BK)
        h = tl.load(p_state + k[None, :], mask=real_row[:, None] & (k < K.H)[None, :], other=0.0)
        h = round_to(tl.where(forget, 0.0, h), K)
        longer = ()
        for gate in tl.static_range(G):
            longer += (multiply(h, _weight(p_w, gate, unit, k, K), z[gate], K),)
        z = longer
    return z


@triton.jit
def pulled_back(p_dz, p_w, real_row, unit, K: tl.constexpr):
    """`dz @ W` summed over all gates, `(BB, BN)`: their matrices lie on top of each other.

    p_dz `(BB, 1)` points to rows of the gradients of step t + 1, G*H wide.
    """
    wide = K.cell.gates * K.H
    d = tl.full((K.BB, K.BN), 0.0, K.ACC)
    for start in range(0, wide, K.BK):
        k = start + tl.arange(0, K.BK)
        real_k = k < wide
        dz = tl.load(p_dz + k[None, :], mask=real_row[:, None] & real_k[None, :], other=0.0)
        inside = real_k[:, None] & (unit < K.H)[None, :]
        w = tl.load(p_w + k[:, None] * K.H + unit[None, :], mask=inside, other=0.0).to(K.OP)
        d = multiply(round_to(dz, K), w, d, K)
    return d
