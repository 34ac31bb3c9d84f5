"""A scan as one node of the autograd graph: passes of a backend, then the GEMMs for weights."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from lrs_kernels.passes import Backend, Call, Grads, Inputs, Trace, Upstream
from lrs_kernels.precision import products
from lrs_kernels.recurrent import Recurrent
from lrs_kernels.weight_grad import PartGrads

NO_SECOND_DERIVATIVE = (
    "the fast scans have first derivatives only, and create_graph=True asks for second ones; "
    "pass backend='reference' to differentiate twice"
)

InputGrads = tuple[Tensor | None, ...]
"""Gradients in the order of the flat inputs: x_proj, dense, w1, w2, mask, h0, c0, timespans,
resets, bias_n."""


def flatten(inputs: Inputs) -> tuple[Tensor | None, ...]:
    """The tensors of `inputs` side by side, as autograd wants them."""
    return (inputs.x_proj, *inputs.recurrent, *inputs[2:])


def unflatten(flat: tuple[Tensor | None, ...]) -> Inputs:
    """The inverse of `flatten`."""
    return Inputs(flat[0], Recurrent(*flat[1:5]), *flat[5:])  # type: ignore[arg-type]


class Scan(torch.autograd.Function):
    """`Scan.apply(call, backend, *flatten(inputs)) -> (y, h_n, c_n or None)`."""

    @staticmethod
    def forward(
        ctx: Any, call: Call, backend: Backend, *flat: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Run forward and keep what the way back needs."""
        inputs = as_the_backend_wants(backend, unflatten(flat))
        trace = backend.forward(call, inputs, True, bool(ctx.needs_input_grad[9]))
        ctx.call, ctx.backend = call, backend
        ctx.set_materialize_grads(False)
        # The input part is used up; keeping it alive would double the memory of a step.
        kept = (None, *flat[1:], *inputs.recurrent, *trace)
        ctx.save_for_backward(*kept)
        return trace.states, final_state(trace), trace.c_n

    @staticmethod
    def backward(
        ctx: Any, dy: Tensor | None, dh_n: Tensor | None, dc_n: Tensor | None
    ) -> tuple[Any, ...]:
        """Walk back; gradients of everything that `apply` was given."""
        if torch.is_grad_enabled():
            raise RuntimeError(NO_SECOND_DERIVATIVE)
        if dy is None and dh_n is None and dc_n is None:
            return (None,) * 12
        saved = ctx.saved_tensors
        stored, used, trace = unflatten(saved[:10]), Recurrent(*saved[10:14]), Trace(*saved[14:])
        grads = input_grads(
            ctx.call, ctx.backend, stored, used, trace, Upstream(dy, dh_n, dc_n),
            bool(any(ctx.needs_input_grad[3:6])),
        )  # fmt: skip
        return (None, None, *grads)


def as_the_backend_wants(backend: Backend, inputs: Inputs) -> Inputs:
    """Form W1 @ W2 * M here, unless the backend does so on its own chip."""
    if backend.forms_weights:
        return inputs
    return inputs._replace(recurrent=Recurrent.of(inputs.recurrent.effective()))


def final_state(trace: Trace) -> Tensor:
    """h_T as memory of its own, since outputs of a node must not share any."""
    return trace.states.select(-3, -1).clone()


def input_grads(
    call: Call,
    backend: Backend,
    stored: Inputs,
    used: Recurrent,
    trace: Trace,
    upstream: Upstream,
    weights_wanted: bool,
) -> InputGrads:
    """Run the backward pass, then the GEMMs that do not depend on the order of the steps.

    Args:
        call: what was run.
        backend: what ran it.
        stored: the inputs as they were given; `x_proj` is no longer there.
        used: the weights as the backend saw them.
        trace: what the forward pass left.
        upstream: gradients of the outputs.
        weights_wanted: whether any recurrent weight needs its gradient.

    """
    grads = backend.backward(call, stored._replace(recurrent=used), trace, upstream)
    recurrent_part = grads.dz if grads.dz_recurrent is None else grads.dz_recurrent
    parts: PartGrads = (None, None, None)
    if weights_wanted:
        with products(call.precision, grads.dz.device.type):
            parts = backend.weight_grads(
                recurrent_part, trace.states, stored.h0, stored.resets, stored.recurrent
            )
    return (
        grads.dz, *parts, None, grads.h0, grads.c0, grads.timespans, None,
        _bias_grad(grads, stored.bias_n),
    )  # fmt: skip


def _bias_grad(grads: Grads, bias_n: Tensor | None) -> Tensor | None:
    if bias_n is None:
        return None
    recurrent_part = cast(Tensor, grads.dz_recurrent)  # (P, T, B, 3H), n last
    return recurrent_part[..., -bias_n.shape[-1] :].sum((-3, -2))
