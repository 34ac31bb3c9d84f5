"""Hands scans to the Triton kernels, which always carry the population axis P."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from lrs_kernels.part_grads import part_grads
from lrs_kernels.passes import Grads, Inputs, Recurrence, Trace, Upstream
from lrs_kernels.triton import launch

__all__ = ["STORES_BFLOAT16", "backward", "forward", "part_grads", "takes_input"]

STORES_BFLOAT16 = True


def takes_input(recurrence: Recurrence, inputs: Inputs) -> bool:
    """No: these want it projected."""
    return False


def forward(recurrence: Recurrence, inputs: Inputs, save: bool, save_time: bool) -> Trace:
    """Run the cell over the whole sequence; see `passes.Passes`."""
    if inputs.x_proj.dim() == 4:
        return launch.forward(recurrence, inputs, save, save_time)
    trace = launch.forward(recurrence, Inputs(*map(_lead, inputs)), save, save_time)
    return Trace(*map(_first, trace))


def backward(recurrence: Recurrence, inputs: Inputs, trace: Trace, upstream: Upstream) -> Grads:
    """Walk the cell back over the whole sequence."""
    if trace.states.dim() == 4:
        return launch.backward(recurrence, inputs, trace, upstream)
    trace, upstream = Trace(*map(_lead, trace)), Upstream(*map(_lead, upstream))
    grads = launch.backward(recurrence, Inputs(*map(_lead, inputs)), trace, upstream)
    return Grads(*map(_first, grads))


def _lead(tensor: Tensor | None) -> Any:
    """As a population of one; `x_proj` is None on the way back."""
    return None if tensor is None else tensor.unsqueeze(0)


def _first(tensor: Tensor | None) -> Any:
    return None if tensor is None else tensor.squeeze(0)
