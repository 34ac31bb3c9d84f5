"""Recurrent weights as arguments of kernels, and the little that all launches share."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lrs_kernels.passes import Inputs
from lrs_kernels.recurrent import Recurrent
from lrs_kernels.triton.choice import Choice
from lrs_kernels.triton.table import Direction

_AS_IT_IS = nullcontext()


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


def stored(inputs: Inputs) -> Weights:
    """Weights that kernels read as they are."""
    return Weights(inputs.w1 if inputs.dense is None else inputs.dense, inputs.w2, inputs.mask)  # type: ignore[arg-type]


def member_strides(choice: Choice, inputs: Any) -> tuple[int, ...] | None:
    """Strides of stored weights as kernel arguments, from their layouts (`looks.py`).

    None where the kernel does not read them as they are stored: they have to be `made`.
    """
    mask = inputs.mask
    if not choice.formed_on_chip or (mask is not None and mask.dtype == torch.bool):
        return None
    parts = (inputs.w1 if inputs.dense is None else inputs.dense, inputs.w2, mask)
    if not all(part is None or part.members_contiguous for part in parts):
        return None
    return tuple([0 if part is None else part.member_stride for part in parts])


def weights(recurrent: Recurrent) -> Weights:
    """Order the parts of the recurrent weights for the prologue."""
    left, right, mask = recurrent.reference, recurrent.w2, recurrent.mask
    if mask is not None and mask.dtype == torch.bool:
        mask = mask.to(left.dtype)
    return Weights(
        _packed_members(left),
        None if right is None else _packed_members(right),
        None if mask is None else _packed_members(mask),
    )


def _packed_members(part: Tensor) -> Tensor:
    """Contiguous within a member; members may share memory (stride 0)."""
    if part.is_contiguous() or (part.dim() == 4 and part[0].is_contiguous()):
        return part
    return part.contiguous()


class Launch(NamedTuple):
    """A call made ready: which kernel on which grid, and its weights.

    Attributes:
        choice: the kernel.
        weights: arguments of the prologue; of the step path, all effective matrices as `left`.

    """

    choice: Choice
    weights: Weights


def made(choice: Choice, direction: Direction, inputs: Inputs) -> Weights:
    """Make weights as the chosen kernel wants them.

    Args:
        choice: the kernel.
        direction: `forward` or `backward`.
        inputs: with the weights as they are stored.

    """
    recurrent, precision = inputs.recurrent, choice.precision
    if choice.plan.path == "step":
        return Weights(_effective(recurrent, precision), None, None)
    if choice.formed_on_chip:
        return weights(recurrent)
    whole = _product(recurrent, precision)
    turned = (direction == "backward") != (precision == "ieee")  # as its products want them
    return weights(Recurrent.of(whole.mT if turned else whole))


def _effective(recurrent: Recurrent, precision: str) -> Tensor:
    """The matrices the steps multiply by, `(P, G, H, H)`, rounded once instead of in every step."""
    kept = {"bf16": torch.bfloat16, "float64": torch.float64}.get(precision, torch.float32)
    return _packed_members(_product(recurrent, precision).to(kept))


def _product(recurrent: Recurrent, precision: str) -> Tensor:
    """The effective matrices; of factors in bfloat16 rounded no more than `precision` asks for."""
    if recurrent.reference.dtype == torch.bfloat16 and precision != "bf16":
        recurrent = Recurrent(*(None if part is None else part.float() for part in recurrent))
    return recurrent.effective()


def strides(tensor: Tensor | None) -> tuple[int, ...]:
    """Strides of P, T and B in elements; zeros for what is not there."""
    if tensor is None:
        return 0, 0, 0
    return tensor.stride()[:3] if tensor.dim() == 4 else (0, *tensor.stride()[:2])


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
    if not tensor.is_cuda or tensor.get_device() == torch.cuda.current_device():
        return _AS_IT_IS
    return torch.cuda.device(tensor.get_device())
