"""Runs a scan: picks the backend, and takes the cheapest way that still gives the gradients."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lrs_kernels import dispatch, reference
from lrs_kernels.ops.function import Scan, as_the_backend_wants, final_state, flatten
from lrs_kernels.ops.operators import run_as_operator
from lrs_kernels.passes import Call, Inputs


class ScanOutput(NamedTuple):
    """States of all steps, and the final ones."""

    y: Tensor
    h_n: Tensor
    c_n: Tensor | None


def run(call: Call, inputs: Inputs, backend: str) -> ScanOutput:
    """Run a scan whose arguments have been checked.

    Args:
        call: which recurrence.
        inputs: what it reads.
        backend: `auto`, or the name of one.

    """
    if backend == "reference":
        return run_reference(call, inputs)
    flat = flatten(inputs)
    wants_grad = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in flat)
    if torch.compiler.is_compiling():
        y, h_n, c_n = run_as_operator(call, inputs, backend, wants_grad)
        return ScanOutput(y, h_n, c_n if call.cell == "lstm" else None)
    choice = dispatch.choose(backend, call.cell, call.variant, inputs.x_proj.device.type)
    module = dispatch.load(choice.backend)
    if wants_grad:
        return ScanOutput(*Scan.apply(call, module, *flat))  # type: ignore[no-untyped-call]
    trace = module.forward(call, as_the_backend_wants(module, inputs), False, False)
    return ScanOutput(trace.states, final_state(trace), trace.c_n)


def run_reference(call: Call, inputs: Inputs) -> ScanOutput:
    """The plain loop of a cell, differentiated by autograd as often as one likes."""
    x, weight, h0 = inputs.x_proj, inputs.recurrent.effective(), inputs.h0
    if call.cell == "cfc":
        states = reference.cfc_reference(
            x, weight, h0, inputs.timespans, inputs.resets, call.variant
        )
        return ScanOutput(*states, None)
    if call.cell == "lstm":
        assert inputs.c0 is not None
        return ScanOutput(*reference.lstm_reference(x, weight, h0, inputs.c0, inputs.resets))
    if call.cell == "gru":
        states = reference.gru_reference(x, weight, h0, inputs.bias_n, inputs.resets)
        return ScanOutput(*states, None)
    return ScanOutput(*reference.rnn_reference(x, weight, h0, inputs.resets, call.variant), None)
