"""The passes of any cell as one launch per step: what each launch is given.

States go from launch to launch through memory. So where tensors are bfloat16, states of the forward
pass and what is carried on the way back are float32 here, and rounded at the end.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lrs_kernels.passes import Grads, Inputs, Trace, Upstream
from lrs_kernels.triton import graph
from lrs_kernels.triton import operands as ops
from lrs_kernels.triton.cells import history
from lrs_kernels.triton.kernels.step import step_backward_kernel, step_forward_kernel
from lrs_kernels.triton.start import start
from lrs_kernels.triton.steps import Edge, StepPass, Tensors, previous


def run_forward_steps(run: ops.Launch, inputs: Inputs, trace: Trace) -> Trace:
    """Run forward; fills the trace, or returns one with states of its own."""
    low, exact = trace.states.dtype, _exact(trace.states.dtype)
    if exact != low:
        inputs = inputs._replace(h0=inputs.h0.to(exact), c0=_to(inputs.c0, exact))
        cells = None if trace.cells is None else torch.empty_like(trace.cells, dtype=exact)
        trace = trace._replace(states=torch.empty_like(trace.states, dtype=exact), cells=cells)
    graph.run(forward_steps(run, inputs, trace))
    if trace.c_n is not None and trace.cells is not None:
        trace.c_n.copy_(trace.cells[:, -1])
    return trace._replace(states=trace.states.to(low), cells=_to(trace.cells, low))


def run_backward_steps(
    run: ops.Launch, inputs: Inputs, trace: Trace, upstream: Upstream, grads: Grads
) -> Grads:
    """Walk back."""
    low = trace.states.dtype
    work, grads = backward_steps(run, inputs, trace, upstream, grads)
    graph.run(work)
    spans = None if grads.timespans is None else grads.timespans.sum(-1)
    return grads._replace(h0=grads.h0.to(low), c0=_to(grads.c0, low), timespans=spans)


def _exact(dtype: torch.dtype) -> torch.dtype:
    """The type of what is carried from step to step."""
    return torch.float32 if dtype == torch.bfloat16 else dtype


def _to(tensor: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    return None if tensor is None else tensor.to(dtype)


def forward_steps(run: ops.Launch, inputs: Inputs, trace: Trace) -> StepPass:
    """Forward pass; writes all of the trace that is a sequence."""

    def launch(at: Tensors) -> None:
        x, w_p = ops.saved(at["x"]), ops.saved(at["w"]).stride(0)
        for t in range(x.shape[1]):
            prev, prev_p, prev_at = previous(at, "h_before", "y", t)
            c_prev, _, _ = previous(at, "c_before", "cells", t)
            arguments = (
                x, at["w"], prev, c_prev, at["bias"], at["dt"], at["reset"], at["y"],
                at["gates"], at["cells"], at["time"], *x.stride()[:3], w_p, prev_p, prev_at, t,
                x.shape[1], x.shape[2],
            )  # fmt: skip
            start(step_forward_kernel, run.choice, arguments)

    written = {"y": trace.states, "gates": trace.gates, "cells": trace.cells, "time": trace.time}
    read = {"x": inputs.x_proj, "dt": inputs.timespans, "reset": inputs.resets}
    edges = {"h_before": Edge("y", inputs.h0)}
    if inputs.c0 is not None:
        edges["c_before"] = Edge("cells", inputs.c0)
    fixed = {"w": run.weights.left, "bias": inputs.bias_n}
    return StepPass(
        (run.choice.constants,), launch, {**read, **written}, tuple(written), fixed, edges
    )


def backward_steps(
    run: ops.Launch, inputs: Inputs, trace: Trace, upstream: Upstream, grads: Grads
) -> tuple[StepPass, Grads]:
    """Backward pass, and where it leaves its gradients; that of time spans still per unit."""
    cell = run.choice.cell
    exact = _exact(trace.states.dtype)
    direct = ops.start_of(upstream.h_n, inputs.h0, exact)
    d_cell = None if inputs.c0 is None else ops.start_of(upstream.c_n, inputs.c0, exact)
    d_units = None if trace.time is None else torch.empty_like(trace.time)

    def launch(at: Tensors) -> None:
        state, w_p = ops.saved(at["direct"]), ops.saved(at["w"]).stride(0)
        steps, batch = ops.saved(at["dz"]).shape[1:3]
        dh0 = torch.empty_like(state)
        for t in range(steps - 1, -2, -1):
            prev, prev_p, prev_at = previous(at, "before", "states", max(t, 0))
            arguments = (
                at["dy"], state, at.get("d_cell"), at["gates"], at["states"], prev, at["w"],
                at["dt"], at["time"], at["reset"], at["dz"], at["dz_h"], dh0, at["d_units"],
                *ops.strides(at["dy"]), w_p, prev_p, prev_at, t, steps, batch,
            )  # fmt: skip
            start(step_backward_kernel, run.choice, arguments)
        state.copy_(dh0)

    states, initial = history(cell, inputs, trace)
    written = {"dz": grads.dz, "dz_h": grads.dz_recurrent, "d_units": d_units}
    read = {
        "dy": upstream.dy, "gates": trace.gates, "states": states, "dt": inputs.timespans,
        "time": trace.time, "reset": inputs.resets,
    }  # fmt: skip
    edges = {} if initial is None else {"before": Edge("states", initial)}
    carried = {"direct": direct} if d_cell is None else {"direct": direct, "d_cell": d_cell}
    work = StepPass(
        (run.choice.constants,), launch, {**read, **written}, tuple(written),
        {"w": run.weights.left}, edges, carried, backward=True,
    )  # fmt: skip
    return work, grads._replace(h0=direct, c0=d_cell, timespans=d_units)
