"""LSTM passes as functions of tensors."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lrs_kernels.recurrent import Recurrent
from lrs_kernels.triton import graph, step_passes
from lrs_kernels.triton import operands as ops
from lrs_kernels.triton.kernels.lstm import lstm_backward_kernel, lstm_forward_kernel
from lrs_kernels.triton.steps import effective


class LSTMStates(NamedTuple):
    """What the LSTM forward pass leaves behind.

    Attributes:
        y: states h_1 ... h_T, `(P, T, B, H)`.
        c_n: final cell state, `(P, B, H)`.
        gates: activations i, f, g, o, `(P, T, B, 4H)`; None unless saved.
        cells: cell states c_1 ... c_T, `(P, T, B, H)`; None unless saved.

    """

    y: Tensor
    c_n: Tensor
    gates: Tensor | None = None
    cells: Tensor | None = None


def lstm_forward(
    x_proj: Tensor,
    recurrent: Recurrent,
    h0: Tensor,
    c0: Tensor,
    resets: Tensor | None = None,
    precision: str = "ieee",
    save: bool = True,
    overwrite: bool = False,
) -> LSTMStates:
    """Run the LSTM over the whole sequence.

    Args:
        x_proj: input part of the pre-activations i, f, g, o, `(P, T, B, 4H)`.
        recurrent: weights, `(P, 4, H, H)` or factors of that.
        h0: initial hidden state, `(P, B, H)`.
        c0: initial cell state, `(P, B, H)`.
        resets: True where both states are zeroed before the step, `(P, T, B)`.
        precision: of the products.
        save: keep gates and cell states for the backward pass.
        overwrite: write the gates over `x_proj`, if that is contiguous.

    """
    members, steps, batch, _ = x_proj.shape
    hidden = h0.shape[-1]
    x_proj = ops.inner_contiguous(x_proj)
    y = x_proj.new_empty(members, steps, batch, hidden)
    c_n = ops.like_state(c0)
    gates = ops.gates_for(x_proj, save, overwrite)
    cells = torch.empty_like(y) if save else None
    shape = (members, batch, hidden)
    run = ops.prepare("lstm", "forward", shape, x_proj.dtype, recurrent, precision)
    if run.plan.path == "step":
        with ops.device_of(x_proj):
            w = effective(recurrent, x_proj.dtype, precision)
            all_cells = torch.empty_like(y) if cells is None else cells
            graph.run(
                step_passes.lstm_forward_steps(
                    x_proj,
                    w,
                    h0.contiguous(),
                    c0.contiguous(),
                    ops.flags(resets),
                    y,
                    gates,
                    all_cells,
                    run.precision,
                )
            )
        return LSTMStates(y, all_cells[:, -1].to(c0.dtype, copy=True), gates, cells)
    left, right, mask, _ = run.weights
    with ops.device_of(x_proj):
        lstm_forward_kernel[run.grid](
            x_proj, left, right, mask, ops.packed(h0), ops.packed(c0), ops.flags(resets), y, c_n,
            gates, cells, *ops.strides(x_proj), *run.weights.strides, steps, batch,
            **run.constants,
        )  # fmt: skip
    return LSTMStates(y, c_n, gates, cells)


def lstm_backward(
    dy: Tensor | None,
    d_final: Tensor | None,
    dc_n: Tensor | None,
    states: LSTMStates,
    recurrent: Recurrent,
    h0: Tensor,
    c0: Tensor,
    resets: Tensor | None = None,
    precision: str = "ieee",
    overwrite: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Walk the LSTM back through time.

    Args:
        dy: gradient of all hidden states, `(P, T, B, H)`, or None.
        d_final: gradient of the final hidden state beside `dy`, `(P, B, H)`, or None.
        dc_n: gradient of the final cell state, `(P, B, H)`, or None.
        states: what `lstm_forward` left.
        recurrent: weights of the forward pass.
        h0: initial hidden state, for its shape and dtype.
        c0: initial cell state.
        resets: of the forward pass.
        precision: of the products.
        overwrite: write dz over the gates.

    Returns:
        dz `(P, T, B, 4H)` (the gradient of `x_proj`), dh0 and dc0 `(P, B, H)`.

    """
    gates, cells = ops.saved(states.gates), ops.saved(states.cells)
    members, steps, batch, _ = gates.shape
    dy = None if dy is None else ops.inner_contiguous(dy)
    dz = gates if overwrite else torch.empty_like(gates)
    dh0, dc0 = ops.like_state(h0), ops.like_state(c0)
    shape = (members, batch, h0.shape[-1])
    run = ops.prepare("lstm", "backward", shape, gates.dtype, recurrent, precision)
    if run.plan.path == "step":
        with ops.device_of(gates):
            w = effective(recurrent, gates.dtype, precision)
            direct, d_cell = ops.start_of(d_final, h0), ops.start_of(dc_n, c0)
            graph.run(
                step_passes.lstm_backward_steps(
                    dy,
                    direct,
                    d_cell,
                    gates,
                    cells,
                    c0.contiguous(),
                    w,
                    ops.flags(resets),
                    dz,
                    run.precision,
                )
            )
        return dz, direct, d_cell
    left, right, mask, _ = run.weights
    with ops.device_of(gates):
        lstm_backward_kernel[run.grid](
            dy, ops.packed(d_final), ops.packed(dc_n), gates, cells, ops.packed(c0), left, right,
            mask, ops.flags(resets), dz, dh0, dc0, *ops.strides(dy), *run.weights.strides, steps,
            batch, **run.constants,
        )  # fmt: skip
    return dz, dh0, dc0
