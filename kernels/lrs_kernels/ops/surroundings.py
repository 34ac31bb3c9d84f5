"""What stands around a call: transforms, forward mode, and modes of the dispatcher.

A scan in the open hands raw pointers to C. These questions tell when it must not, and none of them
asks a tensor whether it requires a gradient, which under a transform says no in any case.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.autograd import forward_ad


def transformed() -> bool:
    """Whether a transform of `torch.func` (vmap, grad, vjp, ...) is at work."""
    return torch._C._are_functorch_transforms_active()


def is_exporting() -> bool:
    """Whether `torch.export` records the call.

    Not `torch.compiler.is_exporting`: in PyTorch 2.10 and 2.11 that is True inside of every
    `torch.compile`, which would then leave out the kernels.
    """
    return torch.compiler._is_exporting_flag


def forward_mode() -> bool:
    """Whether forward-mode differentiation (`jvp`, `jacfwd`, dual tensors) is at work."""
    return forward_ad._current_level >= 0


unwrapped = torch._C._functorch.unwrap_if_dead
"""A tensor, or what is within one that a transform has left behind, and that has no memory."""


def mapped_the_old_way(tensors: Iterable[Tensor | None]) -> bool:
    """Whether a tensor belongs to the map of `torch.autograd` (`vectorize`, `is_grads_batched`)."""
    for tensor in tensors:  # no generator: this runs in every call, and they take twice as long
        if tensor is not None and torch._C._functorch.is_legacy_batchedtensor(tensor):
            return True
    return False


def watched() -> bool:
    """Whether a mode (fake tensors, tracing, counters) must see every call of PyTorch."""
    return torch._C._len_torch_dispatch_stack() > 0


def in_the_open() -> bool:
    """Whether nothing is around a call that would have to see, record or change what happens."""
    return not (
        torch.compiler.is_compiling()
        or is_exporting()
        or transformed()
        or watched()
        or forward_mode()
    )
