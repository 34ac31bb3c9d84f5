"""What every launch has in common: weights as kernels want them, types, and layouts.

Kernels take the innermost axis as contiguous and any stride elsewhere, so a batch-first tensor seen
through `transpose` and a gradient that `sum` has expanded along T need no copy.
"""

from __future__ import annotations

import logging
from functools import cache, lru_cache
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from lrs_kernels.recurrent import Recurrent
from lrs_kernels.triton.config import STEP_TILE, Plan, padded, plan
from lrs_kernels.triton.device import limits_of
from lrs_kernels.triton.kernels.cell import Constants, KernelCell
from lrs_kernels.triton.table import PRECISIONS, Direction

logger = logging.getLogger("lrs_kernels")

INTERPRETED: bool = triton.knobs.runtime.interpret
"""Whether kernels run in Triton's interpreter, on the CPU; decided when Triton was imported."""


class Weights(NamedTuple):
    """Recurrent weights as kernel arguments; strides count from member to member."""

    left: Tensor
    right: Tensor | None
    mask: Tensor | None
    rank: int  # 0 for dense weights

    @property
    def strides(self) -> tuple[int, int, int]:
        """Member strides of left, right and mask; 0 where all members share one."""
        return tuple(0 if part is None else part.stride(0) for part in self[:3])  # type: ignore[return-value]


def weights(recurrent: Recurrent) -> Weights:
    """Order the parts of the recurrent weights for the prologue."""
    left = recurrent.dense if recurrent.dense is not None else recurrent.factors[0]
    rank = 0 if recurrent.dense is not None else left.shape[-1]
    right = None if recurrent.dense is not None else recurrent.factors[1]
    mask = recurrent.mask
    if mask is not None and mask.dtype == torch.bool:
        mask = mask.to(left.dtype)
    return Weights(
        _packed_members(left),
        None if right is None else _packed_members(right),
        None if mask is None else _packed_members(mask),
        rank,
    )


def _packed_members(part: Tensor) -> Tensor:
    """Contiguous within a member; members may share memory (stride 0)."""
    # The first question is the cheap one; a view costs as much as the rest of a launch's checks.
    if part.is_contiguous() or part[0].is_contiguous():
        return part
    return part.contiguous()


def inner_contiguous(tensor: Tensor) -> Tensor:
    """The tensor, copied only if its last axis is not contiguous."""
    return tensor if tensor.stride(-1) == 1 else tensor.contiguous()


def flags(resets: Tensor | None) -> Tensor | None:
    """Resets as 32-bit integers: threads read no less, and no 8-bit value may reach a product."""
    return None if resets is None else resets.contiguous().to(torch.int32)


class Launch(NamedTuple):
    """A call made ready: which kernel, on which grid, with which compile-time arguments.

    Attributes:
        plan: the kernel chosen.
        weights: arguments of the prologue; of the step path, all effective matrices as `left`.
        grid: batch tiles and members; of the step path, batch tiles, unit tiles and members.
        constants: the argument `K`.
        options: warps, and whatever else is said to the compiler.

    """

    plan: Plan
    weights: Weights
    grid: tuple[int, ...]
    constants: Constants
    options: dict[str, Any]


def prepare(
    cell: KernelCell,
    direction: Direction,
    shape: tuple[int, int, int],
    dtype: torch.dtype,
    recurrent: Recurrent,
    precision: str,
    paired: bool = False,
) -> Launch:
    """Choose the kernel of a call and order its arguments.

    Args:
        cell: the cell.
        direction: `forward` or `backward`.
        shape: P, B and H.
        dtype: of the inputs; float64 is computed in float64 at any precision.
        recurrent: the weights.
        precision: `ieee`, `tf32`, `tf32x3` or `bf16`.
        paired: whether all tensors allow to read two neighbouring units at once.

    Raises:
        ValueError: if the precision is unknown.

    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; choose one of {', '.join(PRECISIONS)}")
    members, batch, hidden = shape
    name = "float64" if dtype == torch.float64 else precision
    rank = None if recurrent.w1 is None else recurrent.w1.shape[-1]
    masked = recurrent.mask is not None
    limits = limits_of(recurrent.reference.device)
    chosen = plan(cell, direction, hidden, rank, masked, name, batch, members, limits)
    _tell(cell.name, direction, hidden, chosen.path, chosen.reason)
    if chosen.path == "step":
        ordered = Weights(_effective(recurrent, name), None, None, 0)
    elif chosen.path == "resident" and not chosen.tile.held:
        whole = _product(recurrent, name)
        turned = (direction == "backward") != (name == "ieee")  # as its products want them
        ordered = weights(Recurrent.of(whole.mT if turned else whole))
    else:
        ordered = weights(recurrent)
    words = dtype == torch.bfloat16
    fixed, options = constants(cell, hidden, ordered.rank, name, chosen, paired, words)
    tiles = [triton.cdiv(batch, fixed.BB)]
    if chosen.path == "step":
        tiles.append(triton.cdiv(hidden, fixed.BN))
    return Launch(chosen, ordered, (*tiles, members), fixed, options)


@lru_cache(maxsize=256)
def _tell(cell: str, direction: str, hidden: int, path: str, reason: str) -> None:
    """Say once which kernel runs and why."""
    logger.info("%s %s, H = %d: %r kernel; %s", cell, direction, hidden, path, reason)


def _effective(recurrent: Recurrent, precision: str) -> Tensor:
    """The matrices the steps multiply by, `(P, G, H, H)`, rounded once instead of in every step."""
    kept = {"bf16": torch.bfloat16, "float64": torch.float64}.get(precision, torch.float32)
    return _packed_members(_product(recurrent, precision).to(kept))


def _product(recurrent: Recurrent, precision: str) -> Tensor:
    """The effective matrices; of factors in bfloat16 rounded no more than `precision` asks for."""
    if recurrent.reference.dtype == torch.bfloat16 and precision != "bf16":
        recurrent = Recurrent(*(None if part is None else part.float() for part in recurrent))
    return recurrent.effective()


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


def packed(tensor: Tensor | None) -> Tensor | None:
    """The tensor, or nothing, contiguous."""
    return None if tensor is None else tensor.contiguous()


def pairs_aligned(*tensors: Tensor | None) -> bool:
    """Whether all tensors may be read two numbers at a time, from units 0, 2, 4 ... on."""
    for tensor in tensors:
        if tensor is not None and (
            tensor.data_ptr() % (2 * tensor.element_size())
            or any(stride % 2 for stride in tensor.stride()[:-1])
        ):
            return False
    return True


def strides(tensor: Tensor | None) -> tuple[int, ...]:
    """Strides of P, T and B in elements; zeros for what is not there."""
    return (0, 0, 0) if tensor is None else tensor.stride()[:3]


def gates_for(like: Tensor, cell: KernelCell, hidden: int, save: bool) -> Tensor | None:
    """Memory for what the way back needs of every step, where it needs anything."""
    if not save or not cell.saved:
        return None
    return like.new_empty(*like.shape[:-1], cell.saved * hidden)


def start_of(d_final: Tensor | None, state: Tensor, dtype: torch.dtype) -> Tensor:
    """Memory that holds the gradient of a final state at first and of the initial one at last."""
    d = torch.empty_like(state, dtype=dtype, memory_format=torch.contiguous_format)
    return d.zero_() if d_final is None else d.copy_(d_final)


def saved(tensor: Tensor | None) -> Tensor:
    """What the forward pass kept, which a backward pass cannot do without."""
    if tensor is None:
        raise ValueError("the forward pass kept no gates: run it with save=True")
    return tensor


def device_of(tensor: Tensor) -> torch.cuda.device:
    """Launch on the tensor's own device: the current one may be another."""
    return torch.cuda.device(tensor.device if tensor.is_cuda else -1)
