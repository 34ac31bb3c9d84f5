"""GRU passes as functions of tensors."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lrs_kernels.recurrent import Recurrent
from lrs_kernels.triton import graph, step_passes
from lrs_kernels.triton import operands as ops
from lrs_kernels.triton.kernels.gru import gru_backward_kernel, gru_forward_kernel
from lrs_kernels.triton.steps import effective


class GRUStates(NamedTuple):
    """What the GRU forward pass leaves behind.

    Attributes:
        y: states h_1 ... h_T, `(P, T, B, H)`.
        gates: r, z, n and what r multiplied, `(P, T, B, 4H)`; None unless saved.

    """

    y: Tensor
    gates: Tensor | None = None


def gru_forward(
    x_proj: Tensor,
    recurrent: Recurrent,
    h0: Tensor,
    bias_n: Tensor | None = None,
    resets: Tensor | None = None,
    precision: str = "ieee",
    save: bool = True,
) -> GRUStates:
    """Run the GRU over the whole sequence.

    Args:
        x_proj: input part of the pre-activations r, z, n, `(P, T, B, 3H)`.
        recurrent: weights, `(P, 3, H, H)` or factors of that.
        h0: initial state, `(P, B, H)`.
        bias_n: torch's b_hn, inside r * (W_n h + b), `(P, H)`.
        resets: True where the state is zeroed before the step, `(P, T, B)`.
        precision: of the products.
        save: keep the gates for the backward pass.

    """
    members, steps, batch, _ = x_proj.shape
    hidden = h0.shape[-1]
    x_proj = ops.inner_contiguous(x_proj)
    y = x_proj.new_empty(members, steps, batch, hidden)
    gates = x_proj.new_empty(members, steps, batch, 4 * hidden) if save else None
    shape = (members, batch, hidden)
    run = ops.prepare("gru", "forward", shape, x_proj.dtype, recurrent, precision)
    if run.plan.path == "step":
        with ops.device_of(x_proj):
            w = effective(recurrent, x_proj.dtype, precision)
            graph.run(
                step_passes.gru_forward_steps(
                    x_proj,
                    w,
                    h0.contiguous(),
                    ops.packed(bias_n),
                    ops.flags(resets),
                    y,
                    gates,
                    run.precision,
                )
            )
        return GRUStates(y, gates)
    left, right, mask, _ = run.weights
    with ops.device_of(x_proj):
        gru_forward_kernel[run.grid](
            x_proj, left, right, mask, ops.packed(h0), ops.packed(bias_n), ops.flags(resets), y,
            gates, *ops.strides(x_proj), *run.weights.strides, steps, batch, **run.constants,
        )  # fmt: skip
    return GRUStates(y, gates)


def gru_backward(
    dy: Tensor | None,
    d_final: Tensor | None,
    states: GRUStates,
    recurrent: Recurrent,
    h0: Tensor,
    resets: Tensor | None = None,
    precision: str = "ieee",
) -> tuple[Tensor, Tensor, Tensor]:
    """Walk the GRU back through time.

    Args:
        dy: gradient of all states, `(P, T, B, H)`, or None.
        d_final: gradient of the final state beside `dy`, `(P, B, H)`, or None.
        states: what `gru_forward` left.
        recurrent: weights of the forward pass.
        h0: initial state.
        resets: of the forward pass.
        precision: of the products.

    Returns:
        dz `(P, T, B, 3H)` (the gradient of `x_proj`), the gradient of the recurrent products
        `(P, T, B, 3H)` (its third part, summed, is that of `bias_n`), and dh0 `(P, B, H)`.

    """
    gates = ops.saved(states.gates)
    members, steps, batch, _ = gates.shape
    hidden = h0.shape[-1]
    dy = None if dy is None else ops.inner_contiguous(dy)
    dz = gates.new_empty(members, steps, batch, 3 * hidden)
    dz_recurrent = torch.empty_like(dz)
    dh0 = ops.like_state(h0)
    shape = (members, batch, hidden)
    run = ops.prepare("gru", "backward", shape, gates.dtype, recurrent, precision)
    if run.plan.path == "step":
        with ops.device_of(gates):
            w = effective(recurrent, gates.dtype, precision)
            direct = ops.start_of(d_final, h0)
            graph.run(
                step_passes.gru_backward_steps(
                    dy,
                    direct,
                    gates,
                    states.y,
                    h0.contiguous(),
                    w,
                    ops.flags(resets),
                    dz,
                    dz_recurrent,
                    run.precision,
                )
            )
        return dz, dz_recurrent, direct
    left, right, mask, _ = run.weights
    with ops.device_of(gates):
        gru_backward_kernel[run.grid](
            dy, ops.packed(d_final), gates, states.y, ops.packed(h0), left, right, mask,
            ops.flags(resets), dz, dz_recurrent, dh0, *ops.strides(dy), *run.weights.strides,
            steps, batch, **run.constants,
        )  # fmt: skip
    return dz, dz_recurrent, dh0
