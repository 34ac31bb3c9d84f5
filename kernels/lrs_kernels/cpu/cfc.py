"""CfC over the whole sequence on the CPU: forward and backward without autograd.

    g, h, f = tanh(z_G), tanh(z_H), sigmoid(dt z_F),    z = x_t + W h_{t-1},
    h_t = g (1 - f) + h f          (variants "paper" and "default"),
    h_t = g + h f                  (variant "no_gate"),

with `f = sigmoid(dt z_A + z_B)` where there are four gates (ncps). Shapes: `x_proj` and all gates
`(P, T, B, G*H)`, `h0` `(P, B, H)`, `timespans` and `resets` `(P, T, B)`; P may be missing.

Why it is fast: in backward only d = dL/dh_t is carried from step to step, and the gradient of every
gate is d times something the forward pass already knows. Those factors are computed for all T at
once; the loop is left with one product and one GEMM.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lrs_kernels.cpu._steps import direct_grads, gemm_of, keep_steps, stacked
from lrs_kernels.passes import Grads, Inputs, Recurrence, Trace, Upstream

_tanh_backward = torch.ops.aten.tanh_backward.grad_input
_sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input


def forward(recurrence: Recurrence, inputs: Inputs, save: bool, save_time: bool) -> Trace:
    """Run the recurrence; saved are g, h and f."""
    x_proj, hidden = inputs.x_proj, inputs.h0.shape[-1]
    steps = x_proj.shape[-3]
    states = x_proj.new_empty(*x_proj.shape[:-1], hidden)
    gates = x_proj.new_empty(*x_proj.shape[:-1], 3 * hidden) if save else None
    time = torch.empty_like(states) if save_time else None
    # Views of every step are made once: slicing in the loop costs as much as the arithmetic.
    x = x_proj.unbind(-3)
    rows = [] if gates is None else gates.unbind(-3)
    # Where nothing is saved, or not all of z, the steps share one buffer, which stays in the cache.
    z = rows if gates is not None and gates.shape == x_proj.shape else (_buffer(x[0]),) * steps
    before = [_views(row, hidden) for row in z] if z is rows else [_views(z[0], hidden)] * steps
    after = [_views(row, hidden) for row in rows] if rows else before
    dt = _columns(inputs.timespans, steps)
    keep = keep_steps(inputs.resets, x_proj)
    gemm, weight_t = gemm_of(x_proj), stacked(inputs.recurrent.effective()).mT
    gated = recurrence.variant != "no_gate"
    state = inputs.h0
    for t, out in enumerate(states.unbind(-3)):
        kept, span = keep[t], dt[t]
        gemm(x[t], state if kept is None else state * kept, weight_t, out=z[t])  # (P, B, G*H)
        both_z, _, _, f_z, shift = before[t]
        both, g, h, f, _ = after[t]
        torch.tanh(both_z, out=both)
        if time is not None:
            time.select(-3, t).copy_(f_z)
        if span is not None:
            f_z.mul_(span)
        if shift is not None:
            f_z.add_(shift)
        torch.sigmoid(f_z, out=f)
        state = torch.lerp(g, h, f, out=out) if gated else torch.addcmul(g, h, f, out=out)
    return Trace(states, gates=gates, time=time)


def _buffer(like: Tensor) -> Tensor:
    return torch.empty_like(like, memory_format=torch.contiguous_format)


def _views(z: Tensor, hidden: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor | None]:
    """G and H together, then each gate: `(P, B, G*H)` to five views (the last with four gates)."""
    g, h, f, *shift = z.chunk(z.shape[-1] // hidden, dim=-1)
    return z[..., : 2 * hidden], g, h, f, shift[0] if shift else None


def _columns(timespans: Tensor | None, steps: int) -> list[Tensor | None]:
    """Per step `(P, B, 1)`, to multiply a gate with."""
    return [None] * steps if timespans is None else list(timespans.unsqueeze(-1).unbind(-3))


def backward(recurrence: Recurrence, inputs: Inputs, trace: Trace, upstream: Upstream) -> Grads:
    """Walk back once; two calls for a step."""
    gates, hidden = trace.gates, inputs.h0.shape[-1]
    assert gates is not None
    matrices = inputs.recurrent.effective()  # (P, G, H, H)
    # These become dL/dz step by step.
    dz = _gate_factors(gates, matrices.shape[-3], recurrence.variant)
    d_timespans = None
    if inputs.timespans is not None:
        d_timespans = _by_timespans(dz, hidden, inputs.timespans, trace.time)  # (P, T, B, H)
    per_gate = dz.view(*dz.shape[:-1], -1, hidden).unbind(-4)  # T times (P, B, G, H)
    flat = dz.unbind(-3)
    direct, d_state = direct_grads(upstream.dy, upstream.h_n, inputs.h0, len(flat))
    keep, gemm = keep_steps(inputs.resets, gates), gemm_of(gates)
    rows = stacked(matrices)  # (P, G*H, H)
    buffer = torch.empty_like(inputs.h0, memory_format=torch.contiguous_format)
    for t in range(len(flat) - 1, -1, -1):
        per_gate[t].mul_(d_state.unsqueeze(-2))
        if d_timespans is not None:
            d_timespans.select(-3, t).mul_(d_state)
        kept = keep[t]
        if kept is None:
            d_state = gemm(direct[t], flat[t], rows, out=buffer)  # (P, B, H)
        else:
            # The cut removes what flows back through the state, not what enters at y_{t-1}.
            d_state = torch.addcmul(direct[t], flat[t] @ rows, kept)
    return Grads(dz, d_state, timespans=None if d_timespans is None else d_timespans.sum(-1))


def _gate_factors(gates: Tensor, count: int, variant: str) -> Tensor:
    """dh_t/dz_t of every gate at dt = 1, all steps at once: `(P, T, B, 3H)` to `(P, T, B, G*H)`."""
    g, h, f = gates.chunk(3, dim=-1)
    factors = gates.new_empty(*gates.shape[:-1], count * g.shape[-1])
    for_g, for_h, for_f, *for_shift = factors.chunk(count, dim=-1)
    if variant != "no_gate":
        _tanh_backward(1 - f, g, grad_input=for_g)
        _sigmoid_backward(h - g, f, grad_input=for_f)
    else:
        _tanh_backward(torch.ones_like(g), g, grad_input=for_g)
        _sigmoid_backward(h, f, grad_input=for_f)
    _tanh_backward(f, h, grad_input=for_h)
    if for_shift:
        for_shift[0].copy_(for_f)
    return factors


def _by_timespans(
    factors: Tensor, hidden: int, timespans: Tensor, time: Tensor | None
) -> Tensor | None:
    """Let dt into the factor of its gate; per unit dh_t/d(dt_t) where `time` was kept."""
    for_f = factors.narrow(-1, 2 * hidden, hidden)
    by_unit = None if time is None else for_f * time
    for_f.mul_(timespans.unsqueeze(-1))
    return by_unit
