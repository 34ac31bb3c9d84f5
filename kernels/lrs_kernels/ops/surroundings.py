"""What stands around a call: transforms, forward mode, and modes of the dispatcher.

A scan in the open hands raw pointers to C. These questions tell when it must not, and none of them
asks a tensor whether it requires a gradient, which under a transform says no in any case.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.autograd import forward_ad

_PLAIN = (Tensor, torch.nn.Parameter, torch.nn.Buffer)


def transformed() -> bool:
    """Whether a transform of `torch.func` (vmap, grad, vjp, ...) is at work."""
    return torch._C._are_functorch_transforms_active()


def forward_mode() -> bool:
    """Whether forward-mode differentiation (`jvp`, `jacfwd`, dual tensors) is at work."""
    return forward_ad._current_level >= 0


def mapped_the_old_way(tensors: Iterable[Tensor | None]) -> bool:
    """Whether a tensor belongs to the map of `torch.autograd` (`vectorize`, `is_grads_batched`)."""
    old = torch._C._functorch.is_legacy_batchedtensor
    return any(t is not None and old(t) for t in tensors)


def watched(tensors: Iterable[Tensor | None]) -> bool:
    """Whether the call must be seen by PyTorch's dispatcher.

    So it must under a mode (fake tensors, tracing, counters), for tensors of another class, and for
    tensors without memory (meta).
    """
    if torch._C._len_torch_dispatch_stack() > 0:
        return True
    for tensor in tensors:  # no generator: this runs in every call, and they take twice as long
        if tensor is not None and (type(tensor) not in _PLAIN or tensor.is_meta):
            return True
    return False
