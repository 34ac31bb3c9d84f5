"""Which kernel runs: a static table, so that a launch never waits for a tuner and never surprises.

Three paths. `resident`: one launch for the whole sequence, every gate's H x H matrix in shared
memory. `factored`: the same with W1 and W2 in its place, for masks of all ones. `step`: one fused
GEMM-and-gate launch per time step, for what does not fit a multiprocessor. The table of a cell, in
its own file, holds what compiles for sm_90 without spilling a register and within 232,448 bytes of
shared memory; `python -m benchmarks kernels --offline` compiles every entry again, and a test holds
the tables to that.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from lrs_kernels.triton.kernels.cell import KernelCell
from lrs_kernels.triton.table import Direction, Tile

Path = Literal["resident", "factored", "step"]

SMEM_LIMIT = 232_448
"""Shared memory one block may use on sm_90, bytes."""

SMALLEST_PAD = 16
"""The smallest inner size of `tl.dot`; hidden size and rank are padded to it."""

SMALLEST_ENTRY = 32
"""Sizes below share its tile."""

MULTIPROCESSORS = 132
"""Of an H100 or H200."""


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


class StepTile(NamedTuple):
    """How the step kernels are compiled: one choice for all cells.

    Attributes:
        block_b: batch rows of a program.
        block_n: hidden units of a program.
        block_k: inputs multiplied at a time.
        num_warps: warps of a program.
        num_stages: blocks of weights under way from memory at once.

    """

    block_b: int
    block_n: int
    block_k: int
    num_warps: int
    num_stages: int


# Small blocks of units: at B = 32 and H = 512 a step is 64 programs, half of the machine.
STEP_TILE = StepTile(block_b=16, block_n=16, block_k=64, num_warps=4, num_stages=3)


def plan(
    cell: KernelCell,
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
        cell: the cell with its tables.
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
    size = max(padded(hidden), SMALLEST_ENTRY)
    table = cell.tables.resident.get((cell.gates, direction, precision))
    tile = None if table is None else table.get(size)
    matrices = f"{cell.gates} matrices of {size} x {size}"
    if tile is not None:
        reason = f"{matrices} fit a multiprocessor in {precision}"
        return Plan("resident", min(block_rows(rows, members), tile.rows), tile, reason)
    why_not = f"{matrices} in {precision} exceed a multiprocessor"
    if table is None:
        why_not = f"{cell.name} has no table for {precision}"
    if rank is not None and not masked:
        tile = _factored(cell, direction, precision, size, padded(rank))
        if tile is not None:
            reason = f"{why_not}, factors of rank {rank} without a mask do not"
            return Plan("factored", min(block_rows(rows, members), tile.rows), tile, reason)
    step = Tile(STEP_TILE.num_warps)
    return Plan("step", STEP_TILE.block_b, step, why_not)


def _factored(
    cell: KernelCell, direction: Direction, precision: str, size: int, rank: int
) -> Tile | None:
    entries = cell.tables.factored.get((cell.gates, direction, precision), {})
    return entries.get((size, rank))


def block_rows(rows: int, members: int) -> int:
    """Batch rows of a program: few while that shortens a step, more when the machine is full."""
    return 8 if -(-rows // 8) * members <= 2 * MULTIPROCESSORS else 16
