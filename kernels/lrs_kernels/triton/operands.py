"""What every launch has in common: weights as kernels want them, types, and layouts.

Kernels take the innermost axis as contiguous and any stride elsewhere, so a batch-first tensor seen
through `transpose` and a gradient that `sum` has expanded along T need no copy.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lrs_kernels.recurrent import Recurrent
from lrs_kernels.triton.choice import Choice
from lrs_kernels.triton.kernels.cell import KernelCell
from lrs_kernels.triton.table import Direction

_NO_DEVICE = nullcontext()


class Weights(NamedTuple):
    """Recurrent weights as kernel arguments; strides count from member to member."""

    left: Tensor
    right: Tensor | None
    mask: Tensor | None

    @property
    def strides(self) -> tuple[int, int, int]:
        """Member strides of left, right and mask; 0 where members share it, or there is one."""
        return _member(self.left), _member(self.right), _member(self.mask)


def _member(part: Tensor | None) -> int:
    return 0 if part is None or part.dim() == 3 else part.stride(0)


def weights(recurrent: Recurrent) -> Weights:
    """Order the parts of the recurrent weights for the prologue."""
    left = recurrent.dense if recurrent.dense is not None else recurrent.factors[0]
    right = None if recurrent.dense is not None else recurrent.factors[1]
    mask = recurrent.mask
    if mask is not None and mask.dtype == torch.bool:
        mask = mask.to(left.dtype)
    return Weights(
        left if left.is_contiguous() else _packed_members(left),
        right if right is None or right.is_contiguous() else _packed_members(right),
        mask if mask is None or mask.is_contiguous() else _packed_members(mask),
    )


def _packed_members(part: Tensor) -> Tensor:
    """Contiguous within a member; members may share memory (stride 0)."""
    if part.is_contiguous() or (part.dim() == 4 and part[0].is_contiguous()):
        return part
    return part.contiguous()


def inner_contiguous(tensor: Tensor) -> Tensor:
    """The tensor, copied only if its last axis is not contiguous."""
    return tensor if tensor.stride(-1) == 1 else tensor.contiguous()


def flags(resets: Tensor | None) -> Tensor | None:
    """Resets as 32-bit integers: threads read no less, and no 8-bit value may reach a product."""
    if resets is None:
        return None
    return resets.to(torch.int32, memory_format=torch.contiguous_format)


class Launch(NamedTuple):
    """A call made ready: which kernel on which grid, and its weights.

    Attributes:
        choice: the kernel.
        weights: arguments of the prologue; of the step path, all effective matrices as `left`.

    """

    choice: Choice
    weights: Weights


def prepare(choice: Choice, direction: Direction, recurrent: Recurrent) -> Launch:
    """Order the weights as the chosen kernel wants them.

    Args:
        choice: the kernel.
        direction: `forward` or `backward`.
        recurrent: the weights.

    """
    (path, _, tile, _), precision = choice.plan, choice.precision
    if path == "step":
        return Launch(choice, Weights(_effective(recurrent, precision), None, None))
    if path == "factored" or tile.held:
        return Launch(choice, weights(recurrent))
    whole = _product(recurrent, precision)
    turned = (direction == "backward") != (precision == "ieee")  # as its products want them
    return Launch(choice, weights(Recurrent.of(whole.mT if turned else whole)))


def _effective(recurrent: Recurrent, precision: str) -> Tensor:
    """The matrices the steps multiply by, `(P, G, H, H)`, rounded once instead of in every step."""
    kept = {"bf16": torch.bfloat16, "float64": torch.float64}.get(precision, torch.float32)
    return _packed_members(_product(recurrent, precision).to(kept))


def _product(recurrent: Recurrent, precision: str) -> Tensor:
    """The effective matrices; of factors in bfloat16 rounded no more than `precision` asks for."""
    if recurrent.reference.dtype == torch.bfloat16 and precision != "bf16":
        recurrent = Recurrent(*(None if part is None else part.float() for part in recurrent))
    return recurrent.effective()


def packed(tensor: Tensor | None) -> Tensor | None:
    """The tensor, or nothing, contiguous."""
    return None if tensor is None else tensor.contiguous()


def pairs_aligned(tensors: Iterable[Tensor | None]) -> bool:
    """Whether all tensors may be read two numbers at a time, from units 0, 2, 4 ... on.

    Their last axes are of even length.
    """
    for tensor in tensors:
        if tensor is not None and (
            tensor.data_ptr() % (2 * tensor.element_size())
            or (not tensor.is_contiguous() and any(s % 2 for s in tensor.stride()[:-1]))
        ):
            return False
    return True


def strides(tensor: Tensor | None) -> tuple[int, ...]:
    """Strides of P, T and B in elements; zeros for what is not there."""
    if tensor is None:
        return 0, 0, 0
    return tensor.stride()[:3] if tensor.dim() == 4 else (0, *tensor.stride()[:2])


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


def device_of(tensor: Tensor) -> AbstractContextManager[Any]:
    """Launch on the tensor's own device: the current one may be another."""
    return torch.cuda.device(tensor.get_device()) if tensor.is_cuda else _NO_DEVICE
