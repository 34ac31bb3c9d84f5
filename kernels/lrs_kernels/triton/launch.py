"""The kernels as plain functions of tensors, without autograd: what the operators call.

Everything carries the population axis P first. Weights are a `Recurrent` with the axis P; members
may share a part through an expanded (stride 0) view. `resets` is boolean, True where the state is
zeroed before that step. Outputs take the dtype of `x_proj`; sums are kept in float32 (float64 for
float64 inputs) whatever `precision` (`ieee`, `tf32`, `tf32x3`, `bf16`) the products have.

`overwrite=True` lets a pass write over its own input: gates over `x_proj`, gradients over gates.
It halves the memory of a training step, and is for callers who know that nobody else will look.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import triton
from torch import Tensor

from lrs_kernels.recurrent import Recurrent
from lrs_kernels.triton import operands as ops
from lrs_kernels.triton.config import Direction, Plan, plan
from lrs_kernels.triton.kernels.cfc import cfc_backward_kernel, cfc_forward_kernel


class CfCStates(NamedTuple):
    """What the CfC forward pass leaves behind.

    Attributes:
        y: states h_1 ... h_T, `(P, T, B, H)`.
        gates: activations g, h, f, `(P, T, B, 3H)`; None unless saved.
        time: pre-activation z_F before its time span, `(P, T, B, H)`; None unless asked for.

    """

    y: Tensor
    gates: Tensor | None
    time: Tensor | None


def cfc_forward(
    x_proj: Tensor,
    recurrent: Recurrent,
    h0: Tensor,
    timespans: Tensor | None = None,
    resets: Tensor | None = None,
    precision: str = "ieee",
    save: bool = True,
    save_time: bool = False,
    overwrite: bool = False,
) -> CfCStates:
    """Run the three-gate CfC over the whole sequence.

    Args:
        x_proj: input part of the pre-activations G, H, F, `(P, T, B, 3H)`.
        recurrent: weights, `(P, 3, H, H)` or factors of that.
        h0: initial state, `(P, B, H)`.
        timespans: time since the previous step, `(P, T, B)`; None means 1.
        resets: True where the state is zeroed before the step, `(P, T, B)`.
        precision: of the products.
        save: keep the gates for the backward pass.
        save_time: keep z_F too, which the gradient of `timespans` needs.
        overwrite: write the gates over `x_proj` (which must then be contiguous).

    """
    members, steps, batch, width = x_proj.shape
    hidden = width // 3
    x_proj = ops.inner_contiguous(x_proj)
    y = x_proj.new_empty(members, steps, batch, hidden)
    gates = _gates(x_proj, width, save, overwrite)
    time = torch.empty_like(y) if save_time else None
    chosen = _plan("cfc", "forward", x_proj, recurrent, hidden, precision)
    w = ops.weights(recurrent)
    with _on(x_proj):
        cfc_forward_kernel[_grid(batch, members, chosen)](
            x_proj, w.left, w.right, w.mask, h0.contiguous(), _packed(timespans),
            ops.flags(resets), y, gates, time, *x_proj.stride()[:3], *w.strides, steps, batch,
            **ops.constants(x_proj, hidden, w.rank, precision, chosen),
        )  # fmt: skip
    return CfCStates(y, gates, time)


def cfc_backward(
    dy: Tensor | None,
    d_final: Tensor | None,
    states: CfCStates,
    recurrent: Recurrent,
    h0: Tensor,
    timespans: Tensor | None = None,
    resets: Tensor | None = None,
    precision: str = "ieee",
    overwrite: bool = False,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Walk the CfC back through time.

    Args:
        dy: gradient of all states, `(P, T, B, H)`; None where only the last one was used.
        d_final: gradient of the final state beside `dy`, `(P, B, H)`, or None.
        states: what `cfc_forward` left.
        recurrent: weights of the forward pass.
        h0: initial state, for shape and dtype.
        timespans: of the forward pass.
        resets: of the forward pass.
        precision: of the products.
        overwrite: write dz over the gates.

    Returns:
        dz `(P, T, B, 3H)` (the gradient of `x_proj`), dh0 `(P, B, H)`, and the gradient of
        `timespans` `(P, T, B)`, None unless the forward pass kept z_F.

    """
    gates = _saved(states.gates)
    members, steps, batch, width = gates.shape
    hidden = width // 3
    dy = None if dy is None else ops.inner_contiguous(dy)
    dz = gates if overwrite else torch.empty_like(gates)
    dh0 = torch.empty_like(h0, memory_format=torch.contiguous_format)
    d_timespans = None if states.time is None else gates.new_empty(members, steps, batch)
    chosen = _plan("cfc", "backward", gates, recurrent, hidden, precision)
    w = ops.weights(recurrent)
    with _on(gates):
        cfc_backward_kernel[_grid(batch, members, chosen)](
            dy, _packed(d_final), gates, w.left, w.right, w.mask, _packed(timespans), states.time,
            ops.flags(resets), dz, dh0, d_timespans, *_strides(dy), *w.strides, steps, batch,
            **ops.constants(gates, hidden, w.rank, precision, chosen),
        )  # fmt: skip
    return dz, dh0, d_timespans


def _plan(
    cell: str,
    direction: Direction,
    x: Tensor,
    recurrent: Recurrent,
    hidden: int,
    precision: str,
) -> Plan:
    rank = None if recurrent.w1 is None else recurrent.w1.shape[-1]
    name = "float64" if x.dtype == torch.float64 else precision
    masked = recurrent.mask is not None
    return plan(cell, direction, hidden, rank, masked, name, x.shape[2], x.shape[0])


def _grid(batch: int, members: int, chosen: Plan) -> tuple[int, int]:
    return triton.cdiv(batch, chosen.block_b), members


def _gates(x_proj: Tensor, width: int, save: bool, overwrite: bool) -> Tensor | None:
    """Where the gates go: nowhere, over the inputs, or into new memory."""
    if not save:
        return None
    if overwrite and x_proj.is_contiguous() and x_proj.shape[-1] == width:
        return x_proj
    return x_proj.new_empty(*x_proj.shape[:3], width)


def _saved(gates: Tensor | None) -> Tensor:
    if gates is None:
        raise ValueError("the forward pass kept no gates: run it with save=True")
    return gates


def _packed(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.contiguous()


def _strides(tensor: Tensor | None) -> tuple[int, ...]:
    return (0, 0, 0) if tensor is None else tensor.stride()[:3]


def _on(tensor: Tensor) -> torch.cuda.device:
    """Launch on the tensor's own device: the current one may be another."""
    return torch.cuda.device(tensor.device if tensor.is_cuda else -1)
