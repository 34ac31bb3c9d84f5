"""The configuration table: what fits a multiprocessor of sm_90, and how it is compiled.

Every entry was compiled with all options of its kernel at once (mask, rank 32, resets, time spans,
as many batch rows as it allows), by Triton 3.6.0 and 3.9.0, spilled no register and stayed within
the shared memory of a block; a test holds the report to the table. Sizes that are missing do not
fit, and take the path of one launch per step.
"""

from __future__ import annotations

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


# `ieee` has no tensor cores; up to three gates share these.
_SCALAR = {
    32: Tile(4, 2, rows=8),
    64: Tile(4, 2, rows=8),
    128: Tile(8, 2, forms=False, rows=8),
}
_SCALAR_BACKWARD = {**_SCALAR, 128: Tile(8, 1, forms=False, rows=8)}

RESIDENT: dict[tuple[str, Direction, str], dict[int, Tile]] = {
    ("cfc", "forward", "bf16"): {32: Tile(2, 2), 64: Tile(4, 2), 128: Tile(8, 2)},
    ("cfc", "backward", "bf16"): {32: Tile(2, 2), 64: Tile(4, 2), 128: Tile(8, 2)},
    ("cfc4", "forward", "bf16"): {32: Tile(2, 2), 64: Tile(4, 2), 128: Tile(8, 2, forms=False)},
    ("cfc4", "backward", "bf16"): {32: Tile(2, 2), 64: Tile(4, 2), 128: Tile(8, 2)},
    ("lstm", "forward", "bf16"): {32: Tile(2, 2), 64: Tile(4, 2), 128: Tile(8, 2, forms=False)},
    ("lstm", "backward", "bf16"): {32: Tile(2, 2), 64: Tile(4, 2), 128: Tile(8, 2)},
    ("gru", "forward", "bf16"): {32: Tile(2, 2), 64: Tile(4, 2), 128: Tile(8, 2)},
    ("gru", "backward", "bf16"): {32: Tile(2, 2), 64: Tile(4, 2), 128: Tile(8, 2)},
    ("rnn", "forward", "bf16"): {
        32: Tile(2, 2),
        64: Tile(4, 2),
        128: Tile(8, 2),
        256: Tile(16, 2, forms=False),
    },
    ("rnn", "backward", "bf16"): {
        32: Tile(2, 2),
        64: Tile(4, 2),
        128: Tile(8, 2),
        256: Tile(16, 2, forms=False),
    },
    ("cfc", "forward", "tf32"): {32: Tile(2, 2), 64: Tile(4, 2), 128: Tile(8, 2, forms=False)},
    ("cfc", "backward", "tf32"): {32: Tile(2, 2), 64: Tile(4, 2), 128: Tile(16, 1, forms=False)},
    ("cfc4", "forward", "tf32"): {32: Tile(2, 2), 64: Tile(4, 2)},
    ("cfc4", "backward", "tf32"): {32: Tile(2, 2), 64: Tile(4, 2)},
    ("lstm", "forward", "tf32"): {32: Tile(2, 2), 64: Tile(4, 2)},
    ("lstm", "backward", "tf32"): {32: Tile(2, 2), 64: Tile(4, 2)},
    ("gru", "forward", "tf32"): {32: Tile(2, 2), 64: Tile(4, 2), 128: Tile(8, 2, forms=False)},
    ("gru", "backward", "tf32"): {32: Tile(2, 2), 64: Tile(4, 2), 128: Tile(8, 1, forms=False)},
    ("rnn", "forward", "tf32"): {32: Tile(2, 2), 64: Tile(4, 2), 128: Tile(8, 2, forms=False)},
    ("rnn", "backward", "tf32"): {32: Tile(2, 2), 64: Tile(4, 2), 128: Tile(8, 2, forms=False)},
    ("cfc", "forward", "tf32x3"): {32: Tile(2, 2), 64: Tile(4, 2)},
    ("cfc", "backward", "tf32x3"): {32: Tile(2, 2), 64: Tile(8, 1)},
    ("cfc4", "forward", "tf32x3"): {32: Tile(2, 2), 64: Tile(4, 2)},
    ("cfc4", "backward", "tf32x3"): {32: Tile(4, 2), 64: Tile(8, 2, forms=False)},
    ("lstm", "forward", "tf32x3"): {32: Tile(2, 2), 64: Tile(4, 2)},
    ("lstm", "backward", "tf32x3"): {32: Tile(2, 2), 64: Tile(8, 2, forms=False)},
    ("gru", "forward", "tf32x3"): {32: Tile(2, 2), 64: Tile(4, 2)},
    ("gru", "backward", "tf32x3"): {32: Tile(2, 2), 64: Tile(8, 2, forms=False)},
    ("rnn", "forward", "tf32x3"): {32: Tile(2, 2), 64: Tile(8, 2)},
    ("rnn", "backward", "tf32x3"): {32: Tile(2, 2), 64: Tile(8, 2)},
    ("cfc", "forward", "ieee"): _SCALAR,
    ("cfc", "backward", "ieee"): _SCALAR_BACKWARD,
    ("cfc4", "forward", "ieee"): {32: Tile(4, 2, rows=8), 64: Tile(8, 2, rows=8)},
    ("cfc4", "backward", "ieee"): {32: Tile(4, 2, rows=8), 64: Tile(8, 2, forms=False, rows=8)},
    ("lstm", "forward", "ieee"): {32: Tile(4, 2, rows=8), 64: Tile(8, 2, rows=8)},
    ("lstm", "backward", "ieee"): {32: Tile(4, 2, rows=8), 64: Tile(8, 2, forms=False, rows=8)},
    ("gru", "forward", "ieee"): _SCALAR,
    ("gru", "backward", "ieee"): _SCALAR_BACKWARD,
    ("rnn", "forward", "ieee"): _SCALAR,
    ("rnn", "backward", "ieee"): _SCALAR_BACKWARD,
}
"""(cell, direction, precision): padded hidden size -> tile; `cfc4` is the CfC with four gates."""

FACTORED: dict[tuple[str, Direction, str], dict[tuple[int, int], Tile]] = {
    ("cfc", "forward", "bf16"): {(256, 16): Tile(8, 2), (256, 32): Tile(8, 2)},
    ("cfc", "backward", "bf16"): {(256, 16): Tile(8, 2), (256, 32): Tile(8, 2)},
    ("gru", "forward", "bf16"): {(256, 16): Tile(8, 2), (256, 32): Tile(8, 2)},
    ("gru", "backward", "bf16"): {(256, 16): Tile(8, 2), (256, 32): Tile(8, 1, rows=8)},
}
"""(cell, direction, precision): (padded hidden size, padded rank) -> tile."""
