"""Zeros where sequences have ended, whatever stood there.

A product would let NaN through, and `masked_fill` goes from number to number: on a CPU it takes
seven times as long as a copy. There numbers are joined with a pattern of bits instead, all ones
where they stay and all zeros where they go.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from lrs_kernels.ops.surroundings import forward_mode, transformed, watched

_INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


def zero_padding(x: Tensor, valid: Tensor) -> Tensor:
    """`x` with zeros, in values and gradients, where `valid` is False.

    Args:
        x: of floats, `(T, B, N)`.
        valid: boolean, `(T, B)`.
    """
    if not in_the_open(x):
        return x.masked_fill(~valid.unsqueeze(-1), 0)
    kept = valid.to(_INTEGERS[x.element_size()]).neg_().unsqueeze(-1)  # (T, B, 1)
    return cast(Tensor, _Kept.apply(x, kept))  # type: ignore[no-untyped-call]


def in_the_open(x: Tensor) -> bool:
    """Whether a call runs on a CPU, and nothing but autograd looks at it."""
    return (
        x.device.type == "cpu"
        and not torch.compiler.is_compiling()
        and not (transformed() or forward_mode() or watched())
    )


class _Kept(torch.autograd.Function):
    """Numbers joined with bits; their gradients likewise, as often as one likes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kept: Tensor) -> Tensor:
        ctx.save_for_backward(kept)
        return x.view(kept.dtype).bitwise_and(kept).view(x.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _Kept.apply(gradient, *ctx.saved_tensors), None  # type: ignore[no-untyped-call]
