"""Zeros where sequences have ended, whatever stood there.

A product would let NaN through, and `masked_fill` goes from number to number: on a CPU it takes
seven times as long as a copy. There numbers are joined with a pattern of bits instead, all ones
where they stay and all zeros where they go.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

from lrs_kernels.ops.surroundings import forward_mode, transformed, watched

_INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


def zero_padding(x: Tensor, valid: Tensor, steps: int | None = None) -> Tensor:
    """`x` with zeros, in values and gradients, where `valid` is False, and behind its last step.

    Args:
        x: of floats, `(T, B, N)`.
        valid: boolean, `(T, B)`.
        steps: of the result, at least T; T by default.
    """
    more = 0 if steps is None else steps - len(x)
    if not in_the_open(x):
        kept = x.masked_fill(~valid.unsqueeze(-1), 0)
        return functional.pad(kept, (0, 0, 0, 0, 0, more)) if more else kept
    bits = valid.to(_INTEGERS[x.element_size()]).neg_().unsqueeze(-1)  # (T, B, 1)
    return cast(Tensor, _Kept.apply(x, bits, more))  # type: ignore[no-untyped-call]


def in_the_open(x: Tensor) -> bool:
    """Whether a call runs on a CPU, and nothing but autograd looks at it."""
    return (
        x.device.type == "cpu"
        and not torch.compiler.is_compiling()
        and not (transformed() or forward_mode() or watched())
    )


class _Kept(torch.autograd.Function):
    """Numbers joined with bits, zeros for steps behind them; gradients as often as one likes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bits: Tensor, more: int) -> Tensor:
        ctx.save_for_backward(bits)
        numbers = x.view(bits.dtype)
        if not more:
            return numbers.bitwise_and(bits).view(x.dtype)
        count = len(x)
        kept = x.new_empty(count + more, *x.shape[1:])
        torch.bitwise_and(numbers, bits, out=kept[:count].view(bits.dtype))
        kept[count:] = 0
        return kept

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (bits,) = ctx.saved_tensors
        return _Kept.apply(gradient[: len(bits)], bits, 0), None, None  # type: ignore[no-untyped-call]
