"""The four cells as passes of one launch per step: what each launch is given."""

from __future__ import annotations

import torch
from torch import Tensor

from lrs_kernels.triton import operands as ops
from lrs_kernels.triton.kernels import step_backward as backward
from lrs_kernels.triton.kernels import step_forward as forward
from lrs_kernels.triton.steps import (
    Edge,
    StepPass,
    Tensors,
    previous,
    step_constants,
    step_grid,
)


def _shape(h: Tensor) -> tuple[tuple[int, int, int], int, int]:
    """Grid, batch and hidden size, from a state `(P, B, H)`."""
    members, batch, hidden = h.shape
    return step_grid(batch, hidden, members), batch, hidden


def cfc_forward_steps(
    x: Tensor, w: Tensor, h0: Tensor, timespans: Tensor | None, resets: Tensor | None,
    y: Tensor, gates: Tensor | None, time: Tensor | None, precision: str,
) -> StepPass:  # fmt: skip
    """Forward pass of the three-gate CfC; writes y, gates and time."""
    grid, batch, hidden = _shape(h0)
    fixed = step_constants(hidden, precision)

    def launch(at: Tensors) -> None:
        x, w_p = ops.saved(at["x"]), ops.saved(at["w"]).stride(0)
        for t in range(x.shape[1]):
            prev, prev_p, prev_at = previous(at, "h_before", "y", t)
            forward.cfc_step_forward[grid](
                x, at["w"], prev, at["dt"], at["reset"], at["y"], at["gates"], at["time"],
                *x.stride()[:3], w_p, prev_p, prev_at, t, x.shape[1], batch, **fixed,
            )  # fmt: skip

    sequences = {"x": x, "dt": timespans, "reset": resets, "y": y, "gates": gates, "time": time}
    written = ("y", "gates", "time")
    return StepPass(
        ("cfc", precision), launch, sequences, written, {"w": w}, {"h_before": Edge("y", h0)}
    )


def cfc_backward_steps(
    dy: Tensor | None, direct: Tensor, gates: Tensor, w: Tensor, timespans: Tensor | None,
    time: Tensor | None, resets: Tensor | None, dz: Tensor, d_dt: Tensor | None, precision: str,
) -> StepPass:  # fmt: skip
    """Backward pass of the CfC; writes dz and d_dt, and leaves dL/dh_0 in `direct`."""
    grid, batch, hidden = _shape(direct)
    fixed = step_constants(hidden, precision)

    def launch(at: Tensors) -> None:
        state, w_p = ops.saved(at["direct"]), ops.saved(at["w"]).stride(0)
        steps = ops.saved(at["gates"]).shape[1]
        dh0 = torch.empty_like(state)
        for t in range(steps - 1, -2, -1):
            backward.cfc_step_backward[grid](
                at["dy"], state, at["gates"], at["w"], at["dt"], at["time"], at["reset"],
                at["dz"], dh0, at["d_dt"], *ops.strides(at["dy"]), w_p, t, steps, batch,
                **fixed,
            )  # fmt: skip
        state.copy_(dh0)

    sequences = {
        "dy": dy, "gates": gates, "dt": timespans, "time": time, "reset": resets, "dz": dz,
        "d_dt": d_dt,
    }  # fmt: skip
    return StepPass(
        ("cfc", precision), launch, sequences, ("dz", "d_dt"), {"w": w},
        carried={"direct": direct}, backward=True,
    )  # fmt: skip


def lstm_forward_steps(
    x: Tensor, w: Tensor, h0: Tensor, c0: Tensor, resets: Tensor | None, y: Tensor,
    gates: Tensor | None, cells: Tensor, precision: str,
) -> StepPass:  # fmt: skip
    """Forward pass of the LSTM; writes y, gates and cells."""
    grid, batch, hidden = _shape(h0)
    fixed = step_constants(hidden, precision)

    def launch(at: Tensors) -> None:
        x, w_p = ops.saved(at["x"]), ops.saved(at["w"]).stride(0)
        for t in range(x.shape[1]):
            prev, prev_p, prev_at = previous(at, "h_before", "y", t)
            c_prev, _, _ = previous(at, "c_before", "cells", t)
            forward.lstm_step_forward[grid](
                x, at["w"], prev, c_prev, at["reset"], at["y"], at["gates"], at["cells"],
                *x.stride()[:3], w_p, prev_p, prev_at, t, x.shape[1], batch, **fixed,
            )  # fmt: skip

    sequences = {"x": x, "reset": resets, "y": y, "gates": gates, "cells": cells}
    edges = {"h_before": Edge("y", h0), "c_before": Edge("cells", c0)}
    return StepPass(
        ("lstm", precision), launch, sequences, ("y", "gates", "cells"), {"w": w}, edges
    )


def lstm_backward_steps(
    dy: Tensor | None, direct: Tensor, dc: Tensor, gates: Tensor, cells: Tensor, c0: Tensor,
    w: Tensor, resets: Tensor | None, dz: Tensor, precision: str,
) -> StepPass:  # fmt: skip
    """Backward pass of the LSTM; writes dz, leaves dL/dh_0 in `direct` and dL/dc_0 in `dc`."""
    grid, batch, hidden = _shape(direct)
    fixed = step_constants(hidden, precision)

    def launch(at: Tensors) -> None:
        state, w_p = ops.saved(at["direct"]), ops.saved(at["w"]).stride(0)
        steps = ops.saved(at["gates"]).shape[1]
        dh0 = torch.empty_like(state)
        for t in range(steps - 1, -2, -1):
            c_prev, prev_p, prev_at = previous(at, "c_before", "cells", max(t, 0))
            backward.lstm_step_backward[grid](
                at["dy"], state, at["dc"], at["gates"], at["cells"], c_prev, at["w"],
                at["reset"], at["dz"], dh0, *ops.strides(at["dy"]), w_p, prev_p, prev_at,
                t, steps, batch, **fixed,
            )  # fmt: skip
        state.copy_(dh0)

    sequences = {"dy": dy, "gates": gates, "cells": cells, "reset": resets, "dz": dz}
    return StepPass(
        ("lstm", precision), launch, sequences, ("dz",), {"w": w},
        {"c_before": Edge("cells", c0)}, {"direct": direct, "dc": dc}, backward=True,
    )  # fmt: skip


def gru_forward_steps(
    x: Tensor, w: Tensor, h0: Tensor, bias: Tensor | None, resets: Tensor | None, y: Tensor,
    gates: Tensor | None, precision: str,
) -> StepPass:  # fmt: skip
    """Forward pass of the GRU; writes y and gates."""
    grid, batch, hidden = _shape(h0)
    fixed = step_constants(hidden, precision)

    def launch(at: Tensors) -> None:
        x, w_p = ops.saved(at["x"]), ops.saved(at["w"]).stride(0)
        for t in range(x.shape[1]):
            prev, prev_p, prev_at = previous(at, "h_before", "y", t)
            forward.gru_step_forward[grid](
                x, at["w"], prev, at["bias"], at["reset"], at["y"], at["gates"],
                *x.stride()[:3], w_p, prev_p, prev_at, t, x.shape[1], batch, **fixed,
            )  # fmt: skip

    sequences = {"x": x, "reset": resets, "y": y, "gates": gates}
    return StepPass(
        ("gru", precision), launch, sequences, ("y", "gates"), {"w": w, "bias": bias},
        {"h_before": Edge("y", h0)},
    )  # fmt: skip


def gru_backward_steps(
    dy: Tensor | None, direct: Tensor, gates: Tensor, y: Tensor, h0: Tensor, w: Tensor,
    resets: Tensor | None, dz: Tensor, dz_h: Tensor, precision: str,
) -> StepPass:  # fmt: skip
    """Backward pass of the GRU; writes dz and dz_h, and leaves dL/dh_0 in `direct`."""
    grid, batch, hidden = _shape(direct)
    fixed = step_constants(hidden, precision)

    def launch(at: Tensors) -> None:
        state, w_p = ops.saved(at["direct"]), ops.saved(at["w"]).stride(0)
        steps = ops.saved(at["gates"]).shape[1]
        dh0 = torch.empty_like(state)
        for t in range(steps - 1, -2, -1):
            prev, prev_p, prev_at = previous(at, "h_before", "y", max(t, 0))
            backward.gru_step_backward[grid](
                at["dy"], state, at["gates"], prev, at["w"], at["reset"], at["dz"], at["dz_h"],
                dh0, *ops.strides(at["dy"]), w_p, prev_p, prev_at, t, steps, batch,
                **fixed,
            )  # fmt: skip
        state.copy_(dh0)

    sequences = {"dy": dy, "gates": gates, "y": y, "reset": resets, "dz": dz, "dz_h": dz_h}
    return StepPass(
        ("gru", precision), launch, sequences, ("dz", "dz_h"), {"w": w},
        {"h_before": Edge("y", h0)}, {"direct": direct}, backward=True,
    )  # fmt: skip


def rnn_forward_steps(
    x: Tensor, w: Tensor, h0: Tensor, resets: Tensor | None, y: Tensor, relu: bool, precision: str
) -> StepPass:
    """Forward pass of the Elman network; writes y."""
    grid, batch, hidden = _shape(h0)
    fixed = step_constants(hidden, precision)

    def launch(at: Tensors) -> None:
        x, w_p = ops.saved(at["x"]), ops.saved(at["w"]).stride(0)
        for t in range(x.shape[1]):
            prev, prev_p, prev_at = previous(at, "h_before", "y", t)
            forward.rnn_step_forward[grid](
                x, at["w"], prev, at["reset"], at["y"], *x.stride()[:3], w_p, prev_p,
                prev_at, t, x.shape[1], batch, RELU=relu, **fixed,
            )  # fmt: skip

    sequences = {"x": x, "reset": resets, "y": y}
    return StepPass(
        ("rnn", relu, precision), launch, sequences, ("y",), {"w": w},
        {"h_before": Edge("y", h0)},
    )  # fmt: skip


def rnn_backward_steps(
    dy: Tensor | None, direct: Tensor, y: Tensor, w: Tensor, resets: Tensor | None, dz: Tensor,
    relu: bool, precision: str,
) -> StepPass:  # fmt: skip
    """Backward pass of the Elman network; writes dz, and leaves dL/dh_0 in `direct`."""
    grid, batch, hidden = _shape(direct)
    fixed = step_constants(hidden, precision)

    def launch(at: Tensors) -> None:
        state, w_p = ops.saved(at["direct"]), ops.saved(at["w"]).stride(0)
        steps = ops.saved(at["y"]).shape[1]
        dh0 = torch.empty_like(state)
        for t in range(steps - 1, -2, -1):
            backward.rnn_step_backward[grid](
                at["dy"], state, at["y"], at["w"], at["reset"], at["dz"], dh0,
                *ops.strides(at["dy"]), w_p, t, steps, batch, RELU=relu, **fixed,
            )  # fmt: skip
        state.copy_(dh0)

    sequences = {"dy": dy, "y": y, "reset": resets, "dz": dz}
    return StepPass(
        ("rnn", relu, precision), launch, sequences, ("dz",), {"w": w},
        carried={"direct": direct}, backward=True,
    )  # fmt: skip
