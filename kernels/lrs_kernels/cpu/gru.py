"""GRU over the whole sequence on the CPU: forward and backward without autograd.

    r, z = sigmoid(x_r + W_r h), sigmoid(x_z + W_z h),    m = W_n h + b_n    (torch's order r, z, n)
    n = tanh(x_n + r m),    h_t = (1 - z) n + z h_{t-1}.

The reset gate stands after the product, as in torch and cuDNN, so a step needs one GEMM. Shapes as
in `cfc.py`. The saved gates are r, z, m, n, `(P, T, B, 4H)`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lrs_kernels.cpu._steps import direct_grads, gemm_of, keep_steps, previous_states, stacked
from lrs_kernels.passes import Grads, Inputs, Recurrence, Trace, Upstream

_sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input


def forward(recurrence: Recurrence, inputs: Inputs, save: bool, save_time: bool) -> Trace:
    """Run the recurrence."""
    x_proj, hidden = inputs.x_proj, inputs.h0.shape[-1]
    states = x_proj.new_empty(*x_proj.shape[:-1], hidden)
    gates = x_proj.new_empty(*x_proj.shape[:-1], 4 * hidden)
    # The GEMM adds to what it finds: the inputs of r and z, and the inner bias of n.
    gates[..., : 2 * hidden].copy_(x_proj[..., : 2 * hidden])
    _fill_bias(gates[..., 2 * hidden : 3 * hidden], inputs.bias_n)
    products = gates[..., : 3 * hidden].unbind(-3)
    reset_update = gates[..., : 2 * hidden].unbind(-3)
    r, z, m, n = (gate.unbind(-3) for gate in gates.chunk(4, dim=-1))
    x_n, keep = x_proj[..., 2 * hidden :].unbind(-3), keep_steps(inputs.resets, x_proj)
    gemm, weight_t = gemm_of(x_proj), stacked(inputs.recurrent.effective()).mT
    state = inputs.h0
    for t, out in enumerate(states.unbind(-3)):
        kept = keep[t]
        state = state if kept is None else state * kept
        gemm(products[t], state, weight_t, out=products[t])  # (P, B, 3H)
        reset_update[t].sigmoid_()
        torch.addcmul(x_n[t], r[t], m[t], out=n[t])
        n[t].tanh_()
        state = torch.lerp(n[t], state, z[t], out=out)
    return Trace(states, gates=gates if save else None)


def _fill_bias(inner: Tensor, bias_n: Tensor | None) -> None:
    if bias_n is None:
        inner.zero_()
    else:
        inner.copy_(bias_n[..., None, None, :])  # (P, 1, 1, H)


def backward(recurrence: Recurrence, inputs: Inputs, trace: Trace, upstream: Upstream) -> Grads:
    """Walk back once; four calls for a step."""
    gates, hidden = trace.gates, inputs.h0.shape[-1]
    assert gates is not None
    before = previous_states(trace.states, inputs.h0, inputs.resets)  # (P, T, B, H)
    recurrent, candidate = _factors(gates, before)  # both become gradients step by step
    per_gate = recurrent.view(*recurrent.shape[:-1], 3, hidden).unbind(-4)
    flat, candidate_rows = recurrent.unbind(-3), candidate.unbind(-3)
    update = gates[..., hidden : 2 * hidden].unbind(-3)
    direct, d_state = direct_grads(upstream.dy, upstream.h_n, inputs.h0, len(flat))
    keep, gemm = keep_steps(inputs.resets, gates), gemm_of(gates)
    rows = stacked(inputs.recurrent.effective())  # (P, 3H, H)
    for t in range(len(flat) - 1, -1, -1):
        per_gate[t].mul_(d_state.unsqueeze(-2))
        candidate_rows[t].mul_(d_state)
        kept = keep[t]
        if kept is None:
            through = torch.addcmul(direct[t], d_state, update[t])
            d_state = gemm(through, flat[t], rows)  # (P, B, H)
        else:
            through = gemm(d_state * update[t], flat[t], rows)
            d_state = torch.addcmul(direct[t], through, kept)
    dz = torch.cat([recurrent[..., : 2 * hidden], candidate], dim=-1)
    return Grads(dz, d_state, dz_recurrent=recurrent)


def _factors(gates: Tensor, previous: Tensor) -> tuple[Tensor, Tensor]:
    """Factors of dh_t in the products W_r h, W_z h, W_n h `(P, T, B, 3H)`, and in x_n."""
    r, z, m, n = gates.chunk(4, dim=-1)
    recurrent = gates.new_empty(*r.shape[:-1], 3 * r.shape[-1])
    for_r, for_z, for_m = recurrent.chunk(3, dim=-1)
    candidate = torch.ops.aten.tanh_backward(1 - z, n)
    _sigmoid_backward(candidate * m, r, grad_input=for_r)
    _sigmoid_backward(previous - n, z, grad_input=for_z)
    torch.mul(candidate, r, out=for_m)
    return recurrent, candidate
