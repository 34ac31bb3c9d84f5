"""Where a program stands, and how it reads and writes its tiles.

Grid axis 0 counts batch tiles of BB rows, axis 1 members of the population. Offsets are 64-bit: T B
3H passes 2^31 at sizes people use.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def place(B, K: tl.constexpr):
    """Member, rows `(BB,)`, units `(HP,)`, batch size, which rows and which elements are real."""
    member = tl.program_id(1).to(tl.int64)
    row = (tl.program_id(0) * K.BB + tl.arange(0, K.BB)).to(tl.int64)
    unit = tl.arange(0, K.HP)
    batch = B.to(tl.int64)
    real_row = row < batch
    return member, row, unit, batch, real_row, real_row[:, None] & (unit < K.H)[None, :]


@triton.jit
def get(p, real, K: tl.constexpr):
    """Load a tile, zero where it is padding."""
    return tl.load(p, mask=real, other=0.0).to(K.ACC)


@triton.jit
def put(p, value, real):
    """Store a tile in the dtype of its memory."""
    tl.store(p, value.to(p.dtype.element_ty), mask=real)


@triton.jit
def get_all(p, COUNT: tl.constexpr, real, K: tl.constexpr):
    """A tuple of COUNT tiles that lie H columns apart."""
    tiles = ()
    for i in tl.static_range(COUNT):
        tiles += (get(p + i * K.H, real, K),)
    return tiles


@triton.jit
def put_all(p, tiles, COUNT: tl.constexpr, real, K: tl.constexpr):
    """Store a tuple of COUNT tiles, H columns apart."""
    for i in tl.static_range(COUNT):
        put(p + i * K.H, tiles[i], real)


@triton.jit
def cut(p_reset, real_row):
    """`(BB, 1)`: rows whose state is zeroed before this step."""
    return (tl.load(p_reset, mask=real_row, other=0) != 0)[:, None]


@triton.jit
def stretch(z, p_dt, real_row, K: tl.constexpr):
    """The pre-activations of a CfC, the third times the time span of its row."""
    time = z[2] * get(p_dt, real_row, K)[:, None]
    if K.cell.gates == 4:
        return z[0], z[1], time, z[3]
    else:
        return z[0], z[1], time
