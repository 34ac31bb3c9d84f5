"""How kernels are compiled: the entries of a cell's table, which stand in its own file.

Every entry was compiled for sm_90 with all options of its kernel at once (mask, rank 32, resets,
time spans, as many batch rows as it allows), by Triton 3.6.0 and 3.9.0, spilled no register and
stayed within the shared memory of a block; a test holds the report to the tables. Sizes that are
missing do not fit, and take the path of one launch per step; so does a cell without a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

Direction = Literal["forward", "backward"]


class Tile(NamedTuple):
    """How one kernel is compiled.

    Attributes:
        num_warps: warps of a program.
        num_stages: stages of the time loop; 2 loads step t + 1 while step t is computed.
        forms: whether the prologue has the registers to form W1 W2 * M; if not, the effective
            matrices are formed before the launch.
        rows: the most batch rows that a program may own.

    """

    num_warps: int
    num_stages: int
    forms: bool = True
    rows: int = 16
    ahead: int = 2
    held: bool = False


Resident = Mapping[tuple[int, Direction, str], Mapping[int, Tile]]
"""(recurrent matrices, direction, precision): padded hidden size -> tile."""

Factored = Mapping[tuple[int, Direction, str], Mapping[tuple[int, int], Tile]]
"""(recurrent matrices, direction, precision): (padded hidden size, padded rank) -> tile."""

# `ieee` has no tensor cores; up to three matrices share these.
SCALAR = {
    32: Tile(4, 2, rows=8),
    64: Tile(4, 2, rows=8),
    128: Tile(8, 2, forms=False, rows=8),
}
SCALAR_BACKWARD = {**SCALAR, 128: Tile(8, 1, forms=False, rows=8)}
