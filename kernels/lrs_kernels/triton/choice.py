"""Which kernel a kind of call takes: the plan, the grid, and what the kernel is compiled with.

Calls of one kind are many, so a choice is made once and kept. It follows from sizes, types and
options alone, and holds no tensor.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl

from lrs_kernels.cell import Cell
from lrs_kernels.triton import config
from lrs_kernels.triton.cells import kernel_cell
from lrs_kernels.triton.config import STEP_TILE, Plan, padded
from lrs_kernels.triton.device import limits_of
from lrs_kernels.triton.kernels.cell import Constants, KernelCell
from lrs_kernels.triton.table import PRECISIONS, Direction

logger = logging.getLogger("lrs_kernels")

INTERPRETED: bool = triton.knobs.runtime.interpret
"""Whether kernels run in Triton's interpreter, on the CPU; decided when Triton was imported."""

plan: Callable[..., Plan] = config.plan


class Call(NamedTuple):
    """A kind of call.

    Attributes:
        cell: descriptor.
        variant: of its equations.
        gates: number of recurrent matrices.
        direction: `forward` or `backward`.
        members: population size P.
        batch: batch size B.
        hidden: hidden size H.
        rank: of the factors; None for dense weights.
        masked: whether there is a mask.
        dtype: of inputs and states; float64 is computed in float64 at any precision.
        precision: `ieee`, `tf32`, `tf32x3` or `bf16`.
        device: of the tensors.
        paired: whether all tensors allow to read two neighbouring units at once.

    """

    cell: Cell
    variant: str
    gates: int
    direction: Direction
    members: int
    batch: int
    hidden: int
    rank: int | None
    masked: bool
    dtype: torch.dtype
    precision: str
    device: torch.device
    paired: bool


class Choice(NamedTuple):
    """The kernel of a kind of call.

    Attributes:
        cell: the cell as kernels see it.
        precision: of the products, or `float64`.
        plan: path and tile.
        grid: batch tiles, members, 1; of the step path, batch tiles, unit tiles and members.
        constants: the argument `K`.
        options: warps, and whatever else is said to the compiler.

    """

    cell: KernelCell
    precision: str
    plan: Plan
    grid: tuple[int, int, int]
    constants: Constants
    options: dict[str, Any]

    @property
    def formed_on_chip(self) -> bool:
        """Whether the kernel forms its matrices from the weights as they are stored."""
        return _formed_on_chip(self.plan)


def choose(call: Call) -> Choice:
    """Choose the kernel of a call.

    Raises:
        ValueError: if the precision is unknown.

    """
    return _chosen(call, plan)


@lru_cache(maxsize=1024)
def _chosen(call: Call, planner: Callable[..., Plan]) -> Choice:
    if call.precision not in PRECISIONS:
        known = ", ".join(PRECISIONS)
        raise ValueError(f"precision is {call.precision!r}; choose one of {known}")
    cell = kernel_cell(call.cell, call.variant, call.gates)
    precision = "float64" if call.dtype == torch.float64 else call.precision
    found = planner(
        cell, call.direction, call.hidden, call.rank, call.masked, precision, call.batch,
        call.members, limits_of(call.device),
    )  # fmt: skip
    _tell(cell.name, call.direction, call.hidden, found.path, found.reason)
    rank = (call.rank or 0) if _formed_on_chip(found) else 0
    words = call.dtype == torch.bfloat16
    fixed, options = constants(cell, call.hidden, rank, precision, found, call.paired, words)
    tiles = -(-call.batch // fixed.BB)
    grid = (tiles, call.members, 1)
    if found.path == "step":
        grid = (tiles, -(-call.hidden // fixed.BN), call.members)
    return Choice(cell, precision, found, grid, fixed, options)


def _formed_on_chip(chosen: Plan) -> bool:
    return chosen.path == "factored" or (chosen.path == "resident" and chosen.tile.held)


@lru_cache(maxsize=256)
def _tell(cell: str, direction: str, hidden: int, path: str, reason: str) -> None:
    """Say once which kernel runs and why."""
    logger.info("%s %s, H = %d: %r kernel; %s", cell, direction, hidden, path, reason)


@cache
def constants(
    cell: KernelCell,
    hidden: int,
    rank: int,
    precision: str,
    chosen: Plan,
    paired: bool = False,
    words: bool = False,
) -> tuple[Constants, dict[str, Any]]:
    """The compile-time arguments of a kernel, and the options of its compilation.

    Args:
        cell: the cell.
        hidden: hidden size H.
        rank: rank of the factors, 0 for dense weights.
        precision: `ieee`, `tf32`, `tf32x3`, `bf16` or `float64`.
        chosen: the kernel.
        paired: whether two neighbouring units may be read and written at once.
        words: whether two of them are one word: bfloat16 in memory.

    """
    wide, low = precision == "float64", precision == "bf16"
    rounded = tl.float64 if wide else tl.bfloat16 if low else tl.float32
    products = "ieee" if wide or low else precision
    common = {
        "cell": cell,
        "H": hidden,
        "BB": chosen.block_b,
        "DT": rounded,
        # The interpreter multiplies the bit patterns of bfloat16: let it multiply float32.
        "OP": tl.float32 if low and INTERPRETED else rounded,
        "ACC": tl.float64 if wide else tl.float32,
        "PREC": products,
        "FAST": low and not INTERPRETED,
    }
    # Named, because the default of the fusion changes in Triton 3.10.
    options = {"num_warps": chosen.tile.num_warps, "enable_fp_fusion": True}
    if chosen.path == "step":
        # Three products for one need the registers of a block twice as long.
        block_k = STEP_TILE.block_k // 2 if precision == "tf32x3" else STEP_TILE.block_k
        fixed = Constants(
            **common,
            BN=min(STEP_TILE.block_n, padded(hidden)),
            BK=min(block_k, padded(hidden)),
        )
        return fixed, {**options, "num_stages": STEP_TILE.num_stages}
    fixed = Constants(
        **common,
        HP=padded(hidden),
        R=rank,
        RP=padded(rank) if rank else 0,
        FACTORED=chosen.path == "factored",
        # W1 W2 is formed once and used T times: TF32 alone would lose three digits of it.
        PRODUCT="tf32x3" if precision == "tf32" else products,
        AHEAD=chosen.tile.ahead,
        DIRECT=not INTERPRETED,
        PAIRED=paired and chosen.tile.held and (chosen.tile.paired or words) and hidden % 2 == 0,
        FLIPPED=precision == "ieee" and chosen.path == "resident",
        HELD=chosen.tile.held,
    )
    return fixed, options
