"""The kernels as plain functions of tensors, without autograd: what the operators call.

Everything carries the population axis P first, or nothing does. Members may share a part of the
weights through an expanded (stride 0) view. `resets` is boolean, True where the state is
zeroed before that step. Outputs take the dtype of `x_proj`; sums, and states on their way from step
to step, are kept in float32 (float64 for float64 inputs) whatever `precision` (`ieee`, `tf32`,
`tf32x3`, `bf16`) the products have, and where all tensors are bfloat16 too.
"""

from __future__ import annotations

from typing import Any, TypeVar

from torch import Tensor

from lrs_kernels.passes import Grads, Inputs, Recurrence, Trace, Upstream
from lrs_kernels.triton import choice
from lrs_kernels.triton import operands as ops
from lrs_kernels.triton.blocks import empty
from lrs_kernels.triton.cells import history
from lrs_kernels.triton.kernels.scan import scan_backward_kernel, scan_forward_kernel
from lrs_kernels.triton.looks import look_at
from lrs_kernels.triton.packing import flags, packed_inputs, packed_upstream
from lrs_kernels.triton.prepared import Asked, Prepared, prepared_backward, prepared_forward
from lrs_kernels.triton.step_passes import run_backward_steps, run_forward_steps

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
    x = inputs.x_proj
    known = prepared_forward(_asked(recurrence, x), save, save_time, look_at(inputs))
    if not known.packed:
        return forward(recurrence, packed_inputs(inputs), save, save_time)
    if known.in_steps:
        return _forward_in_steps(recurrence, known, inputs, save, save_time)
    trace = Trace(*empty(known.written, x.device))
    stored = known.members is not None
    weights = ops.stored(inputs) if stored else ops.made(known.choice, "forward", inputs)
    resets = flags(inputs.resets)
    arguments = (
        x, *weights, inputs.h0, inputs.c0, inputs.bias_n, inputs.timespans, resets,
        *trace[:5], *known.strides, *(known.members or weights.strides), *known.sizes,
    )  # fmt: skip
    with ops.device_of(x):
        known.start(scan_forward_kernel, arguments, (*trace, resets, *(() if stored else weights)))
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
    known = prepared_backward(_asked(recurrence, y), look_at((*upstream, *trace, *inputs)))
    if not known.packed:
        inputs = packed_inputs(inputs.without_x_proj())
        return backward(recurrence, inputs, trace, packed_upstream(upstream))
    if known.in_steps:
        return _backward_in_steps(recurrence, known, inputs, trace, upstream)
    grads = Grads(*empty(known.written, y.device))
    stored = known.members is not None
    weights = ops.stored(inputs) if stored else ops.made(known.choice, "backward", inputs)
    states, initial = history(known.choice.cell, inputs, trace)
    resets = flags(inputs.resets)
    arguments = (
        *upstream, trace.gates, states, initial, *weights, inputs.timespans, trace.time,
        resets, grads.dz, grads.dz_recurrent, grads.h0, grads.c0, grads.timespans,
        *known.strides, *(known.members or weights.strides), *known.sizes,
    )  # fmt: skip
    with ops.device_of(y):
        known.start(scan_backward_kernel, arguments, (*grads, resets, *(() if stored else weights)))
    return grads


def _asked(recurrence: Recurrence, like: Tensor) -> Asked:
    """What is asked for beside tensors."""
    cell, variant, precision = recurrence.cell, recurrence.variant, recurrence.precision
    return cell, variant, precision, like.device, choice.plan


def _forward_in_steps(
    recurrence: Recurrence, known: Prepared, inputs: Inputs, save: bool, save_time: bool
) -> Trace:
    """A launch for every step; these kernels know populations alone."""
    x = inputs.x_proj
    if x.dim() == 3:
        return first(forward(recurrence, lead(inputs), save, save_time))
    inputs = inputs._replace(resets=flags(inputs.resets))
    run = ops.Launch(known.choice, ops.made(known.choice, "forward", inputs))
    with ops.device_of(x):
        trace = run_forward_steps(run, inputs, Trace(*empty(known.written, x.device)))
    return trace if save else trace._replace(cells=None)


def _backward_in_steps(
    recurrence: Recurrence, known: Prepared, inputs: Inputs, trace: Trace, upstream: Upstream
) -> Grads:
    y = trace.states
    if y.dim() == 3:
        return first(backward(recurrence, lead(inputs), lead(trace), lead(upstream)))
    inputs = inputs._replace(resets=flags(inputs.resets))
    run = ops.Launch(known.choice, ops.made(known.choice, "backward", inputs))
    with ops.device_of(y):
        grads = Grads(*empty(known.written, y.device))
        return run_backward_steps(run, inputs, trace, upstream, grads)


def lead(group: _Group) -> _Group:
    """Tensors of one member as those of a population of one."""
    parts: Any = [None if part is None else part.unsqueeze(0) for part in group]
    return type(group)(*parts)


def first(group: _Group) -> _Group:
    """The only member of a population."""
    parts: Any = [None if part is None else part.squeeze(0) for part in group]
    return type(group)(*parts)
