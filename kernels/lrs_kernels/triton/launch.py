"""The kernels as plain functions of tensors, without autograd: what the operators call.

Everything carries the population axis P first, or nothing does. Members may share a part of the
weights through an expanded (stride 0) view. `resets` is boolean, True where the state is
zeroed before that step. Outputs take the dtype of `x_proj`; sums, and states on their way from step
to step, are kept in float32 (float64 for float64 inputs) whatever `precision` (`ieee`, `tf32`,
`tf32x3`, `bf16`) the products have, and where all tensors are bfloat16 too.
"""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor

from lrs_kernels.passes import Grads, Inputs, Recurrence, Trace, Upstream
from lrs_kernels.triton import operands as ops
from lrs_kernels.triton.cells import history
from lrs_kernels.triton.choice import Call, choose
from lrs_kernels.triton.kernels.scan import scan_backward_kernel, scan_forward_kernel
from lrs_kernels.triton.start import start
from lrs_kernels.triton.step_passes import run_backward_steps, run_forward_steps
from lrs_kernels.triton.table import Direction

_Group = TypeVar("_Group", Inputs, Trace, Upstream, Grads)


def forward(
    recurrence: Recurrence, inputs: Inputs, save: bool = True, save_time: bool = False
) -> Trace:
    """Run a cell over the whole sequence.

    Args:
        recurrence: which one.
        inputs: what it reads.
        save: keep gates and cell states for the backward pass.
        save_time: CfC: keep the pre-activation that the time span multiplies, for its gradient.

    """
    x = ops.inner_contiguous(inputs.x_proj)
    inputs = _packed(inputs, x)
    h0, c0 = inputs.h0, inputs.c0
    choice = choose(_call(recurrence, "forward", inputs, x, (x, h0, c0)))
    in_steps = choice.plan.path == "step"
    if in_steps and x.dim() == 3:
        return first(forward(recurrence, lead(inputs), save, save_time))
    run, cell = ops.prepare(choice, "forward", inputs.recurrent), choice.cell
    steps, (batch, hidden) = x.shape[-3], h0.shape[-2:]
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
        left, right, mask = run.weights
        arguments = (
            x, left, right, mask, h0, c0, inputs.bias_n, inputs.timespans, inputs.resets,
            y, trace.c_n, trace.gates, trace.cells, trace.time, *ops.strides(x),
            *run.weights.strides, steps, batch,
        )  # fmt: skip
        start(scan_forward_kernel, choice, arguments, x)
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
    inputs = _packed(inputs, inputs.x_proj)
    h0, c0 = inputs.h0, inputs.c0
    read = (*upstream, y, trace.gates, trace.cells, trace.time, h0, c0)
    choice = choose(_call(recurrence, "backward", inputs, y, read))
    in_steps = choice.plan.path == "step"
    if in_steps and y.dim() == 3:
        return first(backward(recurrence, lead(inputs), lead(trace), lead(upstream)))
    run, cell = ops.prepare(choice, "backward", inputs.recurrent), choice.cell
    *outer, batch, hidden = y.shape
    gates = ops.saved(trace.gates) if cell.saved else None
    dz = y.new_empty(*outer, batch, cell.gates * hidden)
    grads = Grads(
        dz,
        torch.empty_like(h0),
        None if c0 is None else torch.empty_like(c0),
        None if trace.time is None else y.new_empty(*outer, batch),
        torch.empty_like(dz) if cell.after >= 0 else None,
    )
    with ops.device_of(y):
        if in_steps:
            return run_backward_steps(run, inputs, trace, upstream, grads)
        states, initial = history(cell, inputs, trace)
        left, right, mask = run.weights
        arguments = (
            dy, upstream.h_n, upstream.c_n, gates, states, initial, left, right, mask,
            inputs.timespans, trace.time, inputs.resets, dz, grads.dz_recurrent, grads.h0,
            grads.c0, grads.timespans, *ops.strides(dy), *run.weights.strides, outer[-1], batch,
        )  # fmt: skip
        start(scan_backward_kernel, choice, arguments, y)
    return grads


def _packed(inputs: Inputs, x_proj: Tensor) -> Inputs:
    """Inputs as kernels read them."""
    h0, bias = inputs.h0.contiguous(), ops.packed(inputs.bias_n)
    spans, flags = ops.packed(inputs.timespans), ops.flags(inputs.resets)
    return Inputs(x_proj, *inputs.recurrent, h0, ops.packed(inputs.c0), spans, flags, bias)


def _call(
    recurrence: Recurrence,
    direction: Direction,
    inputs: Inputs,
    like: Tensor,
    units: tuple[Tensor | None, ...],
) -> Call:
    """What is asked for; `units` are all tensors of units that the kernel reads."""
    *members, batch, hidden = inputs.h0.shape
    left = inputs.w1 if inputs.dense is None else inputs.dense
    assert left is not None
    *_, gates, _, rank = left.shape
    return Call(
        recurrence.cell, recurrence.variant, gates, direction, members[0] if members else 1, batch,
        hidden, None if inputs.w1 is None else rank, inputs.mask is not None, like.dtype,
        recurrence.precision, like.device, hidden % 2 == 0 and ops.pairs_aligned(units),
    )  # fmt: skip


def lead(group: _Group) -> _Group:
    """Tensors of one member as those of a population of one."""
    parts: Any = [None if part is None else part.unsqueeze(0) for part in group]
    return type(group)(*parts)


def first(group: _Group) -> _Group:
    """The only member of a population."""
    parts: Any = [None if part is None else part.squeeze(0) for part in group]
    return type(group)(*parts)
