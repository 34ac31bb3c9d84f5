"""Which kernel runs: a static table, so that a launch never waits for a tuner and never surprises.

Three paths. `resident`: one launch for the whole sequence, every gate's H x H matrix in shared
memory. `factored`: the same with W1 and W2 in its place, for masks of all ones. `step`: one fused
GEMM-and-gate launch per time step, for what does not fit a multiprocessor. The table of a cell, in
its own file, says what compiles without spilling a register in its loop and how much shared memory
that takes, which the plan compares with the device's; `python -m benchmarks kernels --offline`
compiles every entry again, and a test holds the tables to that.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import triton

from lrs_kernels.triton.device import H100, Limits
from lrs_kernels.triton.kernels.cell import KernelCell
from lrs_kernels.triton.table import DIRECTIONS, PRECISIONS, Direction, Tile

Path = Literal["resident", "factored", "step"]

BARRIER_BYTES = 256
"""Shared memory that Triton from 3.9 on adds to products for barriers of its own."""

WIDE_PRODUCTS = tuple(map(int, triton.__version__.split(".")[:2])) >= (3, 9)
"""Whether Triton multiplies by instructions of four warps, which leave fewer registers."""

SMALLEST_PAD = 16
"""The smallest inner size of `tl.dot`; hidden size and rank are padded to it."""

SMALLEST_ENTRY = 32
"""Sizes below share its tile."""


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
    limits: Limits = H100,
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
        limits: of the device.

    Returns:
        The path, its tile sizes and the reason.

    """
    size = max(padded(hidden), SMALLEST_ENTRY)
    key = (cell.gates, direction, precision)
    most = block_rows(rows, members, limits)
    found = cell.tables.resident.get(key)
    tile = None if found is None else found.get(size)
    if tile is not None and direction == "backward":
        tile = fitted(tile, size)
    matrices = f"{cell.gates} matrices of {size} x {size}"
    needed = 0 if tile is None else shared_bytes(cell, size, 0, precision, tile)
    if tile is not None and needed <= limits.shared:
        reason = f"{matrices} fit a multiprocessor in {precision}"
        return Plan("resident", min(most, tile.rows), tile, reason)
    why_not = f"{matrices} in {precision} exceed a multiprocessor"
    if found is None:
        why_not = f"{cell.name} has no table for {precision}"
    elif tile is not None:
        why_not = f"{matrices} in {precision} take {needed} bytes on chip, {_offer(limits)}"
    if rank is not None and not masked:
        tile = cell.tables.factored.get(key, {}).get((size, padded(rank)))
        if tile is not None and (
            shared_bytes(cell, size, padded(rank), precision, tile) <= limits.shared
        ):
            reason = f"{why_not}, factors of rank {rank} without a mask do not"
            return Plan("factored", min(most, tile.rows), tile, reason)
    return Plan("step", STEP_TILE.block_b, Tile(STEP_TILE.num_warps), why_not)


def fitted(tile: Tile, size: int, wide_products: bool = WIDE_PRODUCTS) -> Tile:
    """The tile of a backward pass for the Triton that is here; tables are made for 3.6.

    Pairs, and reads one step ahead, take fewer registers. With 3.6 single units were faster.
    """
    if wide_products and tile.held and not tile.paired and size == 128:
        return tile._replace(paired=True, ahead=1)
    return tile


def _offer(limits: Limits) -> str:
    return f"a block of this GPU may use {limits.shared}"


def shared_bytes(cell: KernelCell, size: int, rank: int, precision: str, tile: Tile) -> int:
    """Shared memory of a program, bytes: no entry takes more, whatever its options.

    Args:
        cell: the cell.
        size: padded hidden size.
        rank: padded rank where factors are on chip, 0 for matrices.
        precision: of the products.
        tile: the entry.

    """
    each = 2 if precision == "bf16" else 4
    # `tf32x3` multiplies by two parts of every number.
    each *= 2 if precision == "tf32x3" else 1
    operands = cell.gates * size * tile.rows * each  # what the way back multiplies in a step
    if tile.held:
        return BARRIER_BYTES + max(size * size * 4, operands)  # a matrix on its way into registers
    return BARRIER_BYTES + cell.gates * size * (2 * rank or size) * each + operands


def reach(cell: KernelCell, limits: Limits) -> dict[str, int]:
    """By precision, the largest hidden size whose sequences take one launch each way; 0 is none."""
    sizes: dict[str, int] = {}
    for precision in PRECISIONS:
        ways = [cell.tables.resident.get((cell.gates, way, precision), {}) for way in DIRECTIONS]
        fit = [
            {
                size
                for size, tile in way.items()
                if shared_bytes(cell, size, 0, precision, tile) <= limits.shared
            }
            for way in ways
        ]
        sizes[precision] = max(set.intersection(*fit), default=0)
    return sizes


def block_rows(rows: int, members: int, limits: Limits = H100) -> int:
    """Batch rows of a program: few while that shortens a step, more when the machine is full."""
    return 8 if -(-rows // 8) * members <= 2 * limits.multiprocessors else 16
