"""How kernels want sequences and states to lie: whether they do, and what to do if not.

The innermost axis is contiguous. Beside it `x_proj` and dL/dy may have any strides, so a
batch-first tensor seen through `transpose`, or a gradient that `sum` has expanded along T, needs
no copy; all else is packed. Questions are asked of layouts (`looks.py`) in the place of tensors.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lrs_kernels.passes import Inputs, Upstream


def inputs_are_packed(inputs: Any) -> bool:
    """Whether all but weights, resets and `x_proj` are as kernels read them."""
    parts = (inputs.h0, inputs.c0, inputs.timespans, inputs.bias_n)
    return all(part is None or part.contiguous for part in parts)


def upstream_is_packed(upstream: Any) -> bool:
    """Whether upstream gradients are as kernels read them."""
    dy, h_n, c_n = upstream
    return (dy is None or dy.inner_contiguous) and all(
        part is None or part.contiguous for part in (h_n, c_n)
    )


def packed_inputs(inputs: Inputs) -> Inputs:
    """Inputs as kernels read them, but for weights and resets."""
    return inputs._replace(
        x_proj=_inner_contiguous(inputs.x_proj), h0=inputs.h0.contiguous(),
        c0=_contiguous(inputs.c0), timespans=_contiguous(inputs.timespans),
        bias_n=_contiguous(inputs.bias_n),
    )  # fmt: skip


def flags(resets: Tensor | None) -> Tensor | None:
    """Resets as 32-bit integers: threads read no less, and no 8-bit value may reach a product."""
    if resets is None:
        return None
    return resets.to(torch.int32, memory_format=torch.contiguous_format).contiguous()


def packed_upstream(upstream: Upstream) -> Upstream:
    """Upstream gradients as kernels read them."""
    dy, h_n, c_n = upstream
    return Upstream(_inner_contiguous(dy), _contiguous(h_n), _contiguous(c_n))


def _contiguous(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.contiguous()


def _inner_contiguous(tensor: Any) -> Any:
    """The tensor, copied only if its last axis is not contiguous."""
    return tensor if tensor is None or tensor.stride(-1) == 1 else tensor.contiguous()
