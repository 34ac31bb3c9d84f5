"""How kernels are compiled: the entries of a cell's table, which stand in its own file.

Every entry is compiled for sm_90 with all options of its kernel at once (mask, rank 32, resets,
time spans, as many batch rows as it allows): its loop over time spills no register, and it takes no
more shared memory than `config.shared_bytes` says; a test holds the report to both. Sizes that are
missing do not fit, and take the path of one launch per step; so does a cell without a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

Direction = Literal["forward", "backward"]
DIRECTIONS: tuple[Direction, Direction] = ("forward", "backward")
PRECISIONS = ("ieee", "tf32", "tf32x3", "bf16")


class Tile(NamedTuple):
    """How one kernel is compiled.

    Attributes:
        num_warps: warps of a program.
        held: the matrices are formed on chip and stay in registers (16-bit operands alone);
            otherwise they are formed before the launch and lie in shared memory.
        ahead: steps that what a step reads is asked for before.
        rows: the most batch rows that a program may own.
        paired: two neighbouring units are read and written at once, where tensors allow it.

    """

    num_warps: int
    held: bool = False
    ahead: int = 1
    rows: int = 16
    paired: bool = True


Resident = Mapping[tuple[int, Direction, str], Mapping[int, Tile]]
"""(recurrent matrices, direction, precision): padded hidden size -> tile."""

Factored = Mapping[tuple[int, Direction, str], Mapping[tuple[int, int], Tile]]
"""(recurrent matrices, direction, precision): (padded hidden size, padded rank) -> tile."""

HELD = {
    32: Tile(2, held=True, rows=8),
    64: Tile(4, held=True, rows=8),
    128: Tile(8, held=True, rows=8),
}
"""`bf16` with up to four matrices: 64 and 128 registers of a thread at H = 64 and 128."""

HELD_SINGLY = {size: tile._replace(paired=False) for size, tile in HELD.items()}
"""The same for backward passes that read and write most: pairs made these slower on an H200."""

# `ieee` has no tensor cores; up to three matrices share these.
SCALAR = {32: Tile(4, rows=8), 64: Tile(4, rows=8), 128: Tile(8, rows=8)}
