"""Hands scans to the Triton kernels, which always carry the population axis P."""

from __future__ import annotations

from torch import Tensor

from lrs_kernels.passes import Call, Grads, Inputs, Trace, Upstream
from lrs_kernels.triton import launch
from lrs_kernels.weight_grad import weight_grads

__all__ = ["backward", "forms_weights", "forward", "weight_grads"]

forms_weights = True


def forward(call: Call, inputs: Inputs, save: bool, save_time: bool = False) -> Trace:
    """Run the cell over the whole sequence; `save` keeps what `backward` needs."""
    if inputs.x_proj.dim() == 4:
        return launch.forward(call, inputs, save, save_time)
    trace = launch.forward(call, _with_member(inputs), save, save_time)
    return Trace(*(_first(part) for part in trace))  # type: ignore[arg-type]


def backward(call: Call, inputs: Inputs, trace: Trace, upstream: Upstream) -> Grads:
    """Walk the cell back over the whole sequence."""
    if trace.states.dim() == 4:
        return launch.backward(call, inputs, trace, upstream)
    trace = Trace(*(_lead(part) for part in trace))  # type: ignore[arg-type]
    upstream = Upstream(*(_lead(part) for part in upstream))
    grads = launch.backward(call, _with_member(inputs), trace, upstream)
    return Grads(*(_first(part) for part in grads))  # type: ignore[arg-type]


def _lead(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.unsqueeze(0)


def _first(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.squeeze(0)


def _with_member(inputs: Inputs) -> Inputs:
    """A population of one; `x_proj` is None on the way back."""
    recurrent = inputs.recurrent.with_population()
    return Inputs(_lead(inputs.x_proj), recurrent, *(_lead(part) for part in inputs[2:]))  # type: ignore[arg-type]
