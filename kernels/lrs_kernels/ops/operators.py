"""The scan as an operator of PyTorch's library, for `torch.compile` and whoever looks it up.

`torch.ops.lrs_kernels.scan` and `torch.ops.lrs_kernels.scan_backward`. Eager code goes through
`function.py` instead, which does the same with less overhead per call. It is a `custom_op` and no
`triton_op`: the kernels are too large for the compiler to gain from looking inside, and in Triton's
interpreter only a `custom_op` can be checked. What is absent travels as a tensor without elements.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, library

from lrs_kernels import dispatch
from lrs_kernels.ops.function import (
    NO_SECOND_DERIVATIVE,
    as_the_backend_wants,
    final_state,
    input_grads,
    unflatten,
)
from lrs_kernels.passes import Backend, Call, Inputs, Trace, Upstream
from lrs_kernels.precision import settled

_SAVED_BLOCKS = {"lstm": 4, "gru": 4, "rnn": 0}
_INPUTS = 10


@library.custom_op("lrs_kernels::scan", mutates_args=())
def scan(
    x_proj: Tensor,
    dense: Tensor | None,
    w1: Tensor | None,
    w2: Tensor | None,
    mask: Tensor | None,
    h0: Tensor,
    c0: Tensor | None,
    timespans: Tensor | None,
    resets: Tensor | None,
    bias_n: Tensor | None,
    cell: str,
    variant: str,
    precision: str,
    backend: str,
    save: bool,
    save_time: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Forward pass: states, h_n, c_n, gates, cells, time (see `passes.Trace`)."""
    flat = (x_proj, dense, w1, w2, mask, h0, c0, timespans, resets, bias_n)
    call, module = Call(cell, variant, settled(precision)), _load(backend, cell, variant, flat)
    inputs = as_the_backend_wants(module, unflatten(flat))
    trace = module.forward(call, inputs, save, save_time)
    rest = [_present(part, x_proj) for part in trace[1:]]
    return trace.states, final_state(trace), rest[0], rest[1], rest[2], rest[3]


@scan.register_fake
def _scan_shapes(
    x_proj: Tensor,
    dense: Tensor | None,
    w1: Tensor | None,
    w2: Tensor | None,
    mask: Tensor | None,
    h0: Tensor,
    c0: Tensor | None,
    timespans: Tensor | None,
    resets: Tensor | None,
    bias_n: Tensor | None,
    cell: str,
    variant: str,
    precision: str,
    backend: str,
    save: bool,
    save_time: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    lead, hidden = x_proj.shape[:-1], h0.shape[-1]
    states = x_proj.new_empty(*lead, hidden)
    nothing = x_proj.new_empty(0)
    blocks = _SAVED_BLOCKS.get(cell, x_proj.shape[-1] // hidden)
    return (
        states,
        h0.new_empty(h0.shape),
        h0.new_empty(h0.shape) if c0 is not None else x_proj.new_empty(0),
        x_proj.new_empty(*lead, blocks * hidden) if save and blocks else x_proj.new_empty(0),
        torch.empty_like(states) if save and c0 is not None else x_proj.new_empty(0),
        torch.empty_like(states) if save_time else nothing,
    )


@library.custom_op("lrs_kernels::scan_backward", mutates_args=())
def scan_backward(
    dy: Tensor | None,
    dh_n: Tensor | None,
    dc_n: Tensor | None,
    dense: Tensor | None,
    w1: Tensor | None,
    w2: Tensor | None,
    mask: Tensor | None,
    h0: Tensor,
    c0: Tensor | None,
    timespans: Tensor | None,
    resets: Tensor | None,
    bias_n: Tensor | None,
    states: Tensor,
    c_n: Tensor,
    gates: Tensor,
    cells: Tensor,
    time: Tensor,
    cell: str,
    variant: str,
    precision: str,
    backend: str,
) -> list[Tensor]:
    """Backward pass: gradients of x_proj, dense, w1, w2, h0, c0, timespans, bias_n."""
    flat = (None, dense, w1, w2, mask, h0, c0, timespans, resets, bias_n)
    module, stored = _load(backend, cell, variant, flat), unflatten(flat)
    used = as_the_backend_wants(module, stored).recurrent
    trace = Trace(states, *(_absent(part) for part in (c_n, gates, cells, time)))
    grads = input_grads(
        Call(cell, variant, settled(precision)),
        module,
        stored,
        used,
        trace,
        Upstream(dy, dh_n, dc_n),
        True,
    )
    wanted = (*grads[:4], *grads[5:8], grads[9])
    return [_present(grad, states).contiguous() for grad in wanted]


@scan_backward.register_fake
def _scan_backward_shapes(
    dy: Tensor | None,
    dh_n: Tensor | None,
    dc_n: Tensor | None,
    dense: Tensor | None,
    w1: Tensor | None,
    w2: Tensor | None,
    mask: Tensor | None,
    h0: Tensor,
    c0: Tensor | None,
    timespans: Tensor | None,
    resets: Tensor | None,
    bias_n: Tensor | None,
    states: Tensor,
    c_n: Tensor,
    gates: Tensor,
    cells: Tensor,
    time: Tensor,
    cell: str,
    variant: str,
    precision: str,
    backend: str,
) -> list[Tensor]:
    part = dense if dense is not None else w1
    assert part is not None
    x_proj = states.new_empty(*states.shape[:-1], part.shape[-3] * states.shape[-1])
    spans = timespans if time.numel() else None
    return [x_proj] + [
        states.new_empty(0 if like is None else like.shape)
        for like in (dense, w1, w2, h0, c0, spans, bias_n)
    ]


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.names = inputs[_INPUTS : _INPUTS + 4]
    ctx.set_materialize_grads(False)
    states, _, *rest = output
    ctx.save_for_backward(*inputs[1:_INPUTS], states, *rest)


def _differentiate(ctx: Any, *upstream: Tensor | None) -> tuple[Any, ...]:
    dy, dh_n, dc_n = upstream[:3]
    if dy is None and dh_n is None and dc_n is None:
        return (None,) * (_INPUTS + 6)
    given = torch.ops.lrs_kernels.scan_backward(
        dy, dh_n, None if ctx.saved_tensors[5] is None else dc_n, *ctx.saved_tensors, *ctx.names
    )
    dz, dense, w1, w2, h0, c0, spans, bias = (_absent(grad) for grad in given)
    return (dz, dense, w1, w2, None, h0, c0, spans, None, bias, *(None,) * 6)


def _refuse(ctx: Any, *upstream: Any) -> None:
    raise RuntimeError(NO_SECOND_DERIVATIVE)


scan.register_autograd(_differentiate, setup_context=_setup)
scan_backward.register_autograd(_refuse, setup_context=lambda ctx, inputs, output: None)
for _device in ("cpu", "cuda"):
    # Autocast lowers products, not sums over a thousand steps.
    library.register_autocast("lrs_kernels::scan", _device, torch.float32)


def run_as_operator(
    call: Call, inputs: Inputs, backend: str, wants_grad: bool
) -> tuple[Tensor, ...]:
    """States, h_n and c_n by the registered operator; c_n is empty where the cell has none."""
    spans = inputs.timespans
    y, h_n, c_n, *_ = torch.ops.lrs_kernels.scan(
        inputs.x_proj, *inputs.recurrent, *inputs[2:], call.cell, call.variant, call.precision,
        backend, wants_grad, wants_grad and spans is not None and spans.requires_grad,
    )  # fmt: skip
    return y, h_n, c_n


def _load(backend: str, cell: str, variant: str, flat: tuple[Tensor | None, ...]) -> Backend:
    part = flat[1] if flat[1] is not None else flat[2]
    assert part is not None
    choice = dispatch.choose(backend, cell, variant, part.device.type)
    return dispatch.load(choice.backend)


def _present(part: Tensor | None, like: Tensor) -> Tensor:
    return like.new_empty(0) if part is None else part


def _absent(part: Tensor) -> Tensor | None:
    return part if part.numel() else None
