"""LSTM over the whole sequence on the CPU: forward and backward without autograd.

    i, f, g, o = sigmoid, sigmoid, tanh, sigmoid of z = x_t + W h_{t-1}    (torch's order)
    c_t = f c_{t-1} + i g,    h_t = o tanh(c_t).

Shapes as in `cfc.py`. In backward dh and dc are carried; all other factors of the gradients are
computed for all T at once; tanh(c) is computed again rather than kept.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lrs_kernels.cpu._steps import direct_grads, gemm_of, keep_steps, previous_states, stacked
from lrs_kernels.passes import Grads, Inputs, Recurrence, Trace, Upstream

_tanh_backward = torch.ops.aten.tanh_backward.grad_input
_sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input


def forward(recurrence: Recurrence, inputs: Inputs, save: bool, save_time: bool) -> Trace:
    """Run the recurrence."""
    x_proj, h0, c0 = inputs.x_proj, inputs.h0, inputs.c0
    assert c0 is not None
    *lead, steps, batch, _ = x_proj.shape
    hidden = h0.shape[-1]
    states = x_proj.new_empty(*lead, steps, batch, hidden)
    kept_steps = steps if save else 1
    gates = x_proj.new_empty(*lead, kept_steps, batch, 4 * hidden)
    cells = x_proj.new_empty(*lead, kept_steps, batch, hidden)
    views = [_views(row, hidden) for row in gates.unbind(-3)]
    squashed = torch.empty_like(h0, memory_format=torch.contiguous_format)
    cell_rows = cells.unbind(-3)
    x, keep = x_proj.unbind(-3), keep_steps(inputs.resets, x_proj)
    gemm, weight_t = gemm_of(x_proj), stacked(inputs.recurrent.effective()).mT
    state, cell = h0, c0
    for t, out in enumerate(states.unbind(-3)):
        kept = keep[t]
        if kept is not None:
            state, cell = state * kept, cell * kept
        z, input_forget, i, f, g, o = views[t if save else 0]
        new_cell = cell_rows[t if save else 0]
        gemm(x[t], state, weight_t, out=z)  # (P, B, 4H)
        input_forget.sigmoid_()
        g.tanh_()
        o.sigmoid_()
        torch.mul(f, cell, out=new_cell)
        cell = new_cell.addcmul_(i, g)
        torch.tanh(cell, out=squashed)
        state = torch.mul(o, squashed, out=out)
    c_n = cell.clone()
    return Trace(states, c_n, gates, cells) if save else Trace(states, c_n)


def _views(row: Tensor, hidden: int) -> tuple[Tensor, ...]:
    """All of z, then i and f together, then i, f, g, o: views of `(P, B, 4H)`."""
    return row, row[..., : 2 * hidden], *row.chunk(4, dim=-1)


def backward(recurrence: Recurrence, inputs: Inputs, trace: Trace, upstream: Upstream) -> Grads:
    """Walk back once; five calls for a step."""
    gates, cells, hidden = trace.gates, trace.cells, inputs.h0.shape[-1]
    assert gates is not None and cells is not None and inputs.c0 is not None
    before = previous_states(cells, inputs.c0, inputs.resets)  # (P, T, B, H)
    dz, into_cell = _factors(gates, before, cells)  # dz becomes dL/dz step by step
    flat = dz.unbind(-3)
    cell_gates = dz.view(*dz.shape[:-1], 4, hidden)[..., :3, :].unbind(-4)
    output_gate = dz[..., 3 * hidden :].unbind(-3)
    into_cell_rows = into_cell.unbind(-3)
    forget = gates[..., hidden : 2 * hidden].unbind(-3)
    direct, d_state = direct_grads(upstream.dy, upstream.h_n, inputs.h0, len(flat))
    keep, gemm = keep_steps(inputs.resets, gates), gemm_of(gates)
    rows = stacked(inputs.recurrent.effective())  # (P, 4H, H)
    d_cell = torch.zeros_like(into_cell_rows[0]) if upstream.c_n is None else upstream.c_n.clone()
    buffer = torch.empty_like(inputs.h0, memory_format=torch.contiguous_format)
    for t in range(len(flat) - 1, -1, -1):
        d_cell.addcmul_(d_state, into_cell_rows[t])
        cell_gates[t].mul_(d_cell.unsqueeze(-2))
        output_gate[t].mul_(d_state)
        d_cell.mul_(forget[t])
        kept = keep[t]
        if kept is None:
            d_state = gemm(direct[t], flat[t], rows, out=buffer)  # (P, B, H)
        else:
            d_state = torch.addcmul(direct[t], flat[t] @ rows, kept)
            d_cell.mul_(kept)
    return Grads(dz, d_state, c0=d_cell)


def _factors(gates: Tensor, previous_cells: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
    """Factors of dc_t in z_i, z_f, z_g and of dh_t in z_o, `(P, T, B, 4H)`; and dc_t/dh_t."""
    i, f, g, o = gates.chunk(4, dim=-1)
    squashed = torch.tanh(cells)
    factors = torch.empty_like(gates)
    for_i, for_f, for_g, for_o = factors.chunk(4, dim=-1)
    _sigmoid_backward(g, i, grad_input=for_i)
    _sigmoid_backward(previous_cells, f, grad_input=for_f)
    _tanh_backward(i, g, grad_input=for_g)
    _sigmoid_backward(squashed, o, grad_input=for_o)
    return factors, torch.ops.aten.tanh_backward(o, squashed)
