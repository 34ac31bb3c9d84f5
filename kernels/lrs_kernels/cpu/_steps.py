"""What the CPU loops of all cells share: the GEMM of a step, and the steps that cut the state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Gemm = Callable[..., Any]


def gemm_of(x_proj: Tensor) -> Gemm:
    """`addmm` for one model, `baddbmm` for a population: both are called with `out=`."""
    return torch.addmm if x_proj.dim() == 3 else torch.baddbmm


def stacked(weight: Tensor) -> Tensor:
    """Recurrent matrices `(P, G, H, H)` one below the other, `(P, G*H, H)`."""
    return weight.flatten(-3, -2)


def keep_steps(resets: Tensor | None, like: Tensor) -> list[Tensor | None]:
    """Per step a factor `(P, B, 1)` that is 0 where the state is cut; None where nothing is cut.

    Most steps of a window cut nothing, and those should cost nothing.
    """
    steps = like.shape[-3]
    if resets is None:
        return [None] * steps
    over_rows = tuple(axis for axis in range(resets.dim()) if axis != resets.dim() - 2)
    cuts = resets.any(dim=over_rows).tolist()  # (T,)
    keep = resets.logical_not().to(like.dtype).unsqueeze(-1).unbind(-3)
    return [factor if cut else None for factor, cut in zip(keep, cuts, strict=True)]


def direct_grads(
    dy: Tensor | None, d_final: Tensor | None, like: Tensor, steps: int
) -> tuple[list[Tensor], Tensor]:
    """What the loss adds to each state directly, and the whole gradient that enters the last one.

    Args:
        dy: gradient of the outputs, `(P, T, B, H)`; None where the loss does not look at them.
        d_final: gradient of the final state, `(P, B, H)`, or None.
        like: a state, `(P, B, H)`.
        steps: T.

    Returns:
        A list whose entry t belongs to h_t, the state that step t starts from (entry 0 is h0,
        which is no output), and the gradient of h_T.

    """
    zero = torch.zeros_like(like)
    if dy is None:
        return [zero] * steps, zero if d_final is None else d_final
    outputs = dy.unbind(-3)
    last = outputs[-1] if d_final is None else outputs[-1] + d_final
    return [zero, *outputs[:-1]], last


def previous_states(states: Tensor, initial: Tensor, resets: Tensor | None) -> Tensor:
    """What each step started from, cuts included: `(P, T, B, H)` and `(P, B, H)` to the former."""
    before = torch.cat([initial.unsqueeze(-3), states[..., :-1, :, :]], dim=-3)
    return before if resets is None else before.mul_(resets.logical_not().unsqueeze(-1))
