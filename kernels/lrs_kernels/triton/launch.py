"""The kernels as plain functions of tensors, without autograd: what the operators call.

Everything carries the population axis P first. Weights are a `Recurrent` with the axis P; members
may share a part through an expanded (stride 0) view. `resets` is boolean, True where the state is
zeroed before that step. Outputs take the dtype of `x_proj`; sums, and states on their way from step
to step, are kept in float32 (float64 for float64 inputs) whatever `precision` (`ieee`, `tf32`,
`tf32x3`, `bf16`) the products have, and where all tensors are bfloat16 too.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lrs_kernels.passes import Grads, Inputs, Recurrence, Trace, Upstream
from lrs_kernels.triton import operands as ops
from lrs_kernels.triton.cells import history, kernel_cell
from lrs_kernels.triton.kernels.cell import KernelCell
from lrs_kernels.triton.kernels.scan import scan_backward_kernel, scan_forward_kernel
from lrs_kernels.triton.step_passes import run_backward_steps, run_forward_steps
from lrs_kernels.triton.table import Direction


def forward(
    recurrence: Recurrence, inputs: Inputs, save: bool = True, save_time: bool = False
) -> Trace:
    """Run a cell over the whole sequence.

    Args:
        recurrence: which one.
        inputs: what it reads, with the axis P.
        save: keep gates and cell states for the backward pass.
        save_time: CfC: keep the pre-activation that the time span multiplies, for its gradient.

    """
    x = ops.inner_contiguous(inputs.x_proj)
    inputs = inputs._replace(x_proj=x)
    cell, inputs, run = _made_ready(recurrence, "forward", inputs, x.dtype, [x])
    h0, c0 = inputs.h0, inputs.c0
    in_steps = run.plan.path == "step"
    steps, batch, hidden = x.shape[1], *h0.shape[1:]
    y = x.new_empty(*x.shape[:-1], hidden)
    trace = Trace(
        y,
        None if c0 is None else torch.empty_like(c0),
        ops.gates_for(x, cell, hidden, save),
        torch.empty_like(y) if c0 is not None and (save or in_steps) else None,
        torch.empty_like(y) if save_time else None,
    )
    with ops.device_of(x):
        if in_steps:
            trace = run_forward_steps(run, inputs, trace)
            return trace if save else trace._replace(cells=None)
        left, right, mask, _ = run.weights
        scan_forward_kernel[run.grid](
            x, left, right, mask, h0, c0, inputs.bias_n, inputs.timespans, inputs.resets,
            trace.states, trace.c_n, trace.gates, trace.cells, trace.time, *ops.strides(x),
            *run.weights.strides, steps, batch, K=run.constants, **run.options,
        )  # fmt: skip
    return trace


def backward(recurrence: Recurrence, inputs: Inputs, trace: Trace, upstream: Upstream) -> Grads:
    """Walk a cell back over the whole sequence.

    Args:
        recurrence: of the forward pass.
        inputs: of the forward pass; `x_proj` may be None.
        trace: what the forward pass left.
        upstream: gradients of its outputs, None where the loss does not look.

    Raises:
        ValueError: if the forward pass saved nothing.

    """
    y = trace.states
    dy = None if upstream.dy is None else ops.inner_contiguous(upstream.dy)
    upstream = Upstream(dy, ops.packed(upstream.h_n), ops.packed(upstream.c_n))
    read = [*upstream, y, trace.gates, trace.cells, trace.time]
    cell, inputs, run = _made_ready(recurrence, "backward", inputs, y.dtype, read)
    h0, c0 = inputs.h0, inputs.c0
    members, steps, batch, hidden = y.shape
    gates = ops.saved(trace.gates) if cell.saved else None
    dz = y.new_empty(members, steps, batch, cell.gates * hidden)
    grads = Grads(
        dz,
        torch.empty_like(h0),
        None if c0 is None else torch.empty_like(c0),
        None if trace.time is None else y.new_empty(members, steps, batch),
        torch.empty_like(dz) if cell.after >= 0 else None,
    )
    if run.plan.path == "step":
        with ops.device_of(y):
            return run_backward_steps(run, inputs, trace, upstream, grads)
    states, initial = history(cell, inputs, trace)
    left, right, mask, _ = run.weights
    with ops.device_of(y):
        scan_backward_kernel[run.grid](
            dy, upstream.h_n, upstream.c_n, gates, states, initial, left, right, mask,
            inputs.timespans, trace.time, inputs.resets, dz, grads.dz_recurrent, grads.h0,
            grads.c0, grads.timespans, *ops.strides(dy), *run.weights.strides, steps, batch,
            K=run.constants, **run.options,
        )  # fmt: skip
    return grads


def _made_ready(
    recurrence: Recurrence,
    direction: Direction,
    inputs: Inputs,
    dtype: torch.dtype,
    read: list[Tensor | None],
) -> tuple[KernelCell, Inputs, ops.Launch]:
    """What both passes begin with: the cell, its inputs as kernels read them, and the launch.

    `read` are the tensors of units that a kernel reads beside the initial states.
    """
    recurrent = inputs.recurrent
    cell = kernel_cell(recurrence.cell, recurrence.variant, recurrent.gates)
    inputs = inputs._replace(
        h0=inputs.h0.contiguous(), c0=ops.packed(inputs.c0), timespans=ops.packed(inputs.timespans),
        resets=ops.flags(inputs.resets), bias_n=ops.packed(inputs.bias_n),
    )  # fmt: skip
    members, batch, hidden = inputs.h0.shape
    shape = (members, batch, hidden)
    paired = ops.pairs_aligned(*read, inputs.h0, inputs.c0)
    run = ops.prepare(cell, direction, shape, dtype, recurrent, recurrence.precision, paired)
    return cell, inputs, run
