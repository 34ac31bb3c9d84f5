"""What every launch has in common: weights as kernels want them, types, and layouts.

Kernels take the innermost axis as contiguous and any stride elsewhere, so a batch-first tensor seen
through `transpose` and a gradient that `sum` has expanded along T need no copy.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from lrs_kernels.recurrent import Recurrent
from lrs_kernels.triton.config import Plan, padded

PRECISIONS = ("ieee", "tf32", "tf32x3", "bf16")
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
        mask = mask.view(torch.uint8)
    return Weights(
        _packed_members(left),
        None if right is None else _packed_members(right),
        None if mask is None else _packed_members(mask),
        rank,
    )


def _packed_members(part: Tensor) -> Tensor:
    """Contiguous within a member; members may share memory (stride 0)."""
    return part if part[0].is_contiguous() else part.contiguous()


def inner_contiguous(tensor: Tensor) -> Tensor:
    """The tensor, copied only if its last axis is not contiguous."""
    return tensor if tensor.stride(-1) == 1 or tensor.shape[-1] == 1 else tensor.contiguous()


def flags(resets: Tensor | None) -> Tensor | None:
    """Resets as the bytes a kernel loads: Triton reads booleans as 8-bit integers."""
    if resets is None:
        return None
    resets = resets.contiguous()
    return resets.view(torch.uint8) if resets.dtype == torch.bool else resets


def constants(x: Tensor, hidden: int, rank: int, precision: str, plan: Plan) -> dict[str, Any]:
    """The compile-time arguments of a kernel.

    Args:
        x: a tensor of the call, for its dtype: float64 is computed in float64 at any precision.
        hidden: hidden size H.
        rank: rank of the factors, 0 for dense weights.
        precision: `ieee`, `tf32`, `tf32x3` or `bf16`.
        plan: the kernel chosen.

    Raises:
        ValueError: if the precision is unknown.

    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; choose one of {', '.join(PRECISIONS)}")
    wide = x.dtype == torch.float64
    low = precision == "bf16" and not wide
    rounded = tl.float64 if wide else tl.bfloat16 if low else tl.float32
    return {
        "H": hidden,
        "HP": padded(hidden),
        "R": rank,
        "RP": padded(rank) if rank else 0,
        "BB": plan.block_b,
        "FACTORED": plan.path == "factored",
        "DT": rounded,
        # The interpreter multiplies the bit patterns of bfloat16: let it multiply float32.
        "OP": tl.float32 if low and INTERPRETED else rounded,
        "ACC": tl.float64 if wide else tl.float32,
        "PREC": "ieee" if wide or low else precision,
        # W1 W2 is formed once and used T times: TF32 alone would lose three digits of it.
        "PRODUCT": "tf32x3"
        if precision == "tf32" and not wide
        else "ieee"
        if wide or low
        else precision,
        "FAST": low and not INTERPRETED,
        "NS": plan.tile.num_stages,
        "num_warps": plan.tile.num_warps,
        # Named, because its default changes in Triton 3.10.
        "enable_fp_fusion": True,
    }
