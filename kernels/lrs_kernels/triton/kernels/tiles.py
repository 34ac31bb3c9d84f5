"""Where a program stands, and how it reads and writes its tile.

Grid axis 0 counts batch tiles of BB rows, axis 1 members of the population. Offsets are 64-bit: T B
3H passes 2^31 at sizes people use.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def place(B, H: tl.constexpr, HP: tl.constexpr, BB: tl.constexpr):
    """Member, rows `(BB,)`, units `(HP,)`, batch size, which rows and which elements are real."""
    member = tl.program_id(1).to(tl.int64)
    row = (tl.program_id(0) * BB + tl.arange(0, BB)).to(tl.int64)
    unit = tl.arange(0, HP)
    batch = B.to(tl.int64)
    real_row = row < batch
    return member, row, unit, batch, real_row, real_row[:, None] & (unit < H)[None, :]


@triton.jit
def get(p, real, ACC: tl.constexpr):
    """Load a tile, zero where it is padding."""
    return tl.load(p, mask=real, other=0.0).to(ACC)


@triton.jit
def put(p, value, real):
    """Store a tile in the dtype of its memory."""
    tl.store(p, value.to(p.dtype.element_ty), mask=real)


@triton.jit
def cut(p_reset, real_row):
    """`(BB, 1)`: rows whose state is zeroed before this step."""
    return (tl.load(p_reset, mask=real_row, other=0) != 0)[:, None]
