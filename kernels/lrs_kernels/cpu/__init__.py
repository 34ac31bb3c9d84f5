"""The recurrences on the CPU: loops over time of few, large PyTorch calls."""

from __future__ import annotations

import importlib
from functools import lru_cache
from typing import cast

from torch import Tensor

from lrs_kernels.cell import Cell
from lrs_kernels.part_grads import in_two_steps
from lrs_kernels.passes import (
    Grads,
    InputGrads,
    Inputs,
    Passes,
    Recurrence,
    Trace,
    Upstream,
    Wanted,
)
from lrs_kernels.recurrent import Recurrent

__all__ = ["STORES_BFLOAT16", "backward", "forward", "gradients", "takes_input"]

STORES_BFLOAT16 = False


def takes_input(recurrence: Recurrence, inputs: Inputs) -> bool:
    """No: these want it projected."""
    return False


def forward(recurrence: Recurrence, inputs: Inputs, save: bool, save_time: bool) -> Trace:
    """Run the cell over the whole sequence; see `passes.Passes`."""
    weight = inputs.recurrent.effective()
    trace = _passes(recurrence.cell).forward(recurrence, _with(inputs, weight), save, save_time)
    # Forming W1 @ W2 * M is work, which the way back need not do again.
    return trace._replace(weight=weight) if save and weight is not inputs.dense else trace


def backward(recurrence: Recurrence, inputs: Inputs, trace: Trace, upstream: Upstream) -> Grads:
    """Walk the cell back over the whole sequence."""
    weight = inputs.recurrent.effective() if trace.weight is None else trace.weight
    return _passes(recurrence.cell).backward(recurrence, _with(inputs, weight), trace, upstream)


def gradients(
    recurrence: Recurrence, inputs: Inputs, trace: Trace, upstream: Upstream, wanted: Wanted
) -> InputGrads:
    """Walk back, then multiply; see `passes.Backend`."""
    return in_two_steps(backward, recurrence, inputs, trace, upstream, wanted)


def _with(inputs: Inputs, weight: Tensor) -> Inputs:
    """What the loops read: one matrix, whatever is stored."""
    return inputs if weight is inputs.dense else inputs.with_recurrent(Recurrent.of(weight))


@lru_cache
def _passes(cell: Cell) -> Passes:
    assert cell.cpu is not None  # the dispatcher has asked
    return cast(Passes, importlib.import_module(cell.cpu))
