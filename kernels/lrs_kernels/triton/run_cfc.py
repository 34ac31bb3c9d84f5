"""CfC passes as functions of tensors."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lrs_kernels.recurrent import Recurrent
from lrs_kernels.triton import graph, step_passes
from lrs_kernels.triton import operands as ops
from lrs_kernels.triton.kernels.cfc import cfc_backward_kernel, cfc_forward_kernel
from lrs_kernels.triton.steps import effective


class CfCStates(NamedTuple):
    """What the CfC forward pass leaves behind.

    Attributes:
        y: states h_1 ... h_T, `(P, T, B, H)`.
        gates: activations g, h, f, `(P, T, B, 3H)`; None unless saved.
        time: pre-activation z_F before its time span, `(P, T, B, H)`; None unless asked for.

    """

    y: Tensor
    gates: Tensor | None = None
    time: Tensor | None = None


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
        overwrite: write the gates over `x_proj`, if that is contiguous.

    """
    members, steps, batch, _ = x_proj.shape
    hidden = h0.shape[-1]
    x_proj = ops.inner_contiguous(x_proj)
    y = x_proj.new_empty(members, steps, batch, hidden)
    gates = ops.gates_for(x_proj, save, overwrite)
    time = torch.empty_like(y) if save_time else None
    shape = (members, batch, hidden)
    run = ops.prepare("cfc", "forward", shape, x_proj.dtype, recurrent, precision)
    if run.plan.path == "step":
        with ops.device_of(x_proj):
            w = effective(recurrent, x_proj.dtype, precision)
            spans, cuts = ops.packed(timespans), ops.flags(resets)
            graph.run(
                step_passes.cfc_forward_steps(
                    x_proj, w, h0.contiguous(), spans, cuts, y, gates, time, run.precision
                )
            )
        return CfCStates(y, gates, time)
    left, right, mask, _ = run.weights
    with ops.device_of(x_proj):
        cfc_forward_kernel[run.grid](
            x_proj, left, right, mask, ops.packed(h0), ops.packed(timespans), ops.flags(resets),
            y, gates, time, *ops.strides(x_proj), *run.weights.strides, steps, batch,
            **run.constants,
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
        h0: initial state, for its shape and dtype.
        timespans: of the forward pass.
        resets: of the forward pass.
        precision: of the products.
        overwrite: write dz over the gates.

    Returns:
        dz `(P, T, B, 3H)` (the gradient of `x_proj`), dh0 `(P, B, H)`, and the gradient of
        `timespans` `(P, T, B)`, None unless the forward pass kept z_F.

    """
    gates = ops.saved(states.gates)
    members, steps, batch, _ = gates.shape
    dy = None if dy is None else ops.inner_contiguous(dy)
    dz = gates if overwrite else torch.empty_like(gates)
    dh0 = ops.like_state(h0)
    d_timespans = None if states.time is None else gates.new_empty(members, steps, batch)
    shape = (members, batch, h0.shape[-1])
    run = ops.prepare("cfc", "backward", shape, gates.dtype, recurrent, precision)
    if run.plan.path == "step":
        with ops.device_of(gates):
            w = effective(recurrent, gates.dtype, precision)
            d_units = None if states.time is None else torch.empty_like(states.time)
            direct = ops.start_of(d_final, h0)
            graph.run(
                step_passes.cfc_backward_steps(
                    dy,
                    direct,
                    gates,
                    w,
                    ops.packed(timespans),
                    states.time,
                    ops.flags(resets),
                    dz,
                    d_units,
                    run.precision,
                )
            )
        return dz, direct, None if d_units is None else d_units.sum(-1)
    left, right, mask, _ = run.weights
    with ops.device_of(gates):
        cfc_backward_kernel[run.grid](
            dy, ops.packed(d_final), gates, left, right, mask, ops.packed(timespans), states.time,
            ops.flags(resets), dz, dh0, d_timespans, *ops.strides(dy), *run.weights.strides,
            steps, batch, **run.constants,
        )  # fmt: skip
    return dz, dh0, d_timespans
