"""Elman network passes as functions of tensors."""

from __future__ import annotations

import torch
from torch import Tensor

from lrs_kernels.recurrent import Recurrent
from lrs_kernels.triton import graph, step_passes
from lrs_kernels.triton import operands as ops
from lrs_kernels.triton.kernels.rnn import rnn_backward_kernel, rnn_forward_kernel
from lrs_kernels.triton.steps import effective


def rnn_forward(
    x_proj: Tensor,
    recurrent: Recurrent,
    h0: Tensor,
    resets: Tensor | None = None,
    precision: str = "ieee",
    nonlinearity: str = "tanh",
) -> Tensor:
    """Run the Elman network over the whole sequence.

    Args:
        x_proj: input part of the pre-activation, `(P, T, B, H)`.
        recurrent: weights, `(P, 1, H, H)` or factors of that.
        h0: initial state, `(P, B, H)`.
        resets: True where the state is zeroed before the step, `(P, T, B)`.
        precision: of the products.
        nonlinearity: `tanh` or `relu`.

    Returns:
        States h_1 ... h_T, `(P, T, B, H)`: also all that the backward pass needs.

    """
    members, steps, batch, hidden = x_proj.shape
    x_proj = ops.inner_contiguous(x_proj)
    y = x_proj.new_empty(x_proj.shape)
    shape = (members, batch, hidden)
    run = ops.prepare("rnn", "forward", shape, x_proj.dtype, recurrent, precision)
    if run.plan.path == "step":
        with ops.device_of(x_proj):
            w = effective(recurrent, x_proj.dtype, precision)
            graph.run(
                step_passes.rnn_forward_steps(
                    x_proj,
                    w,
                    h0.contiguous(),
                    ops.flags(resets),
                    y,
                    nonlinearity == "relu",
                    run.precision,
                )
            )
        return y
    left, right, mask, _ = run.weights
    with ops.device_of(x_proj):
        rnn_forward_kernel[run.grid](
            x_proj, left, right, mask, ops.packed(h0), ops.flags(resets), y,
            *ops.strides(x_proj), *run.weights.strides, steps, batch,
            RELU=nonlinearity == "relu", **run.constants,
        )  # fmt: skip
    return y


def rnn_backward(
    dy: Tensor | None,
    d_final: Tensor | None,
    y: Tensor,
    recurrent: Recurrent,
    h0: Tensor,
    resets: Tensor | None = None,
    precision: str = "ieee",
    nonlinearity: str = "tanh",
) -> tuple[Tensor, Tensor]:
    """Walk the Elman network back through time.

    Args:
        dy: gradient of all states, `(P, T, B, H)`, or None.
        d_final: gradient of the final state beside `dy`, `(P, B, H)`, or None.
        y: states of the forward pass.
        recurrent: weights of the forward pass.
        h0: initial state, for its shape and dtype.
        resets: of the forward pass.
        precision: of the products.
        nonlinearity: of the forward pass.

    Returns:
        dz `(P, T, B, H)` (the gradient of `x_proj`) and dh0 `(P, B, H)`.

    """
    members, steps, batch, hidden = y.shape
    dy = None if dy is None else ops.inner_contiguous(dy)
    dz, dh0 = torch.empty_like(y), ops.like_state(h0)
    shape = (members, batch, hidden)
    run = ops.prepare("rnn", "backward", shape, y.dtype, recurrent, precision)
    if run.plan.path == "step":
        with ops.device_of(y):
            w = effective(recurrent, y.dtype, precision)
            direct = ops.start_of(d_final, h0)
            graph.run(
                step_passes.rnn_backward_steps(
                    dy,
                    direct,
                    y,
                    w,
                    ops.flags(resets),
                    dz,
                    nonlinearity == "relu",
                    run.precision,
                )
            )
        return dz, direct
    left, right, mask, _ = run.weights
    with ops.device_of(y):
        rnn_backward_kernel[run.grid](
            dy, ops.packed(d_final), y, left, right, mask, ops.flags(resets), dz, dh0,
            *ops.strides(dy), *run.weights.strides, steps, batch,
            RELU=nonlinearity == "relu", **run.constants,
        )  # fmt: skip
    return dz, dh0
