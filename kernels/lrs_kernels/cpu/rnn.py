"""Elman network over the whole sequence on the CPU: `h_t = tanh or relu (x_t + W h_{t-1})`.

Shapes as in `cfc.py`. The states are the gates: nothing else is saved.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lrs_kernels.cpu._steps import direct_grads, gemm_of, keep_steps, stacked
from lrs_kernels.passes import Grads, Inputs, Recurrence, Trace, Upstream


def forward(recurrence: Recurrence, inputs: Inputs, save: bool, save_time: bool) -> Trace:
    """Run the recurrence."""
    x_proj = inputs.x_proj
    states = torch.empty_like(x_proj, memory_format=torch.contiguous_format)
    x, keep = x_proj.unbind(-3), keep_steps(inputs.resets, x_proj)
    gemm, weight_t = gemm_of(x_proj), stacked(inputs.recurrent.effective()).mT
    activate = torch.tanh_ if recurrence.variant == "tanh" else torch.relu_
    state = inputs.h0
    for t, out in enumerate(states.unbind(-3)):
        kept = keep[t]
        gemm(x[t], state if kept is None else state * kept, weight_t, out=out)  # (P, B, H)
        state = activate(out)
    return Trace(states)


def backward(recurrence: Recurrence, inputs: Inputs, trace: Trace, upstream: Upstream) -> Grads:
    """Walk back once; two calls for a step."""
    dz = _slope(trace.states, recurrence.variant)  # becomes dL/dz step by step
    rows_of_dz = dz.unbind(-3)
    direct, d_state = direct_grads(upstream.dy, upstream.h_n, inputs.h0, len(rows_of_dz))
    keep, gemm = keep_steps(inputs.resets, dz), gemm_of(dz)
    weight = stacked(inputs.recurrent.effective())  # (P, H, H)
    buffer = torch.empty_like(inputs.h0, memory_format=torch.contiguous_format)
    for t in range(len(rows_of_dz) - 1, -1, -1):
        rows_of_dz[t].mul_(d_state)
        kept = keep[t]
        if kept is None:
            d_state = gemm(direct[t], rows_of_dz[t], weight, out=buffer)  # (P, B, H)
        else:
            d_state = torch.addcmul(direct[t], rows_of_dz[t] @ weight, kept)
    return Grads(dz, d_state)


def _slope(states: Tensor, nonlinearity: str) -> Tensor:
    """dh_t/dz_t from h_t: `(P, T, B, H)`."""
    if nonlinearity == "relu":
        return (states > 0).to(states.dtype)
    return torch.addcmul(torch.ones_like(states), states, states, value=-1)
