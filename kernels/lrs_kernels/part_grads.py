"""Gradients of weights, biases and a layer's input: products of dL/dz for all time steps at once.

The loops over time leave dL/dz behind, so what remains does not depend on the order of the steps.
All backends end here, but for small matrices on `native`. Letters as in `recurrent.py`.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from lrs_kernels.passes import (
    Grads,
    InputGrads,
    Inputs,
    PartGrads,
    Recurrence,
    Trace,
    Upstream,
    Wanted,
)
from lrs_kernels.precision import products
from lrs_kernels.projection import projection_grads
from lrs_kernels.recurrent import Recurrent


def in_two_steps(
    backward: Callable[[Recurrence, Inputs, Trace, Upstream], Grads],
    recurrence: Recurrence,
    inputs: Inputs,
    trace: Trace,
    upstream: Upstream,
    wanted: Wanted,
) -> InputGrads:
    """All gradients of a backend whose way back leaves dL/dz for a library to multiply.

    Args:
        backward: its way back; see `passes.Passes`.
        recurrence: what was run.
        inputs: of the forward pass.
        trace: what that has left.
        upstream: gradients of its outputs.
        wanted: which gradients beside those that the way back finds in any case.

    """
    grads = backward(recurrence, inputs, trace, upstream)
    with products(recurrence.precision, grads.dz.device.type):
        found = PartGrads()
        if wanted.weights:
            operand = grads.dz if grads.dz_recurrent is None else grads.dz_recurrent
            found = recurrent_grads(inputs, trace.states, operand)
        found = with_projection(found, inputs, grads.dz, wanted)
    return InputGrads(
        grads.dz if inputs.w_ih is None else None,
        found.dense, found.w1, found.w2, None, grads.h0, grads.c0, grads.timespans, None,
        *found[3:],
    )  # fmt: skip


def with_projection(found: PartGrads, inputs: Inputs, dz: Tensor, wanted: Wanted) -> PartGrads:
    """The same with those of a layer's input and of what projects it."""
    if inputs.x is None or inputs.w_ih is None:
        return found
    x, w_ih, b_ih = projection_grads(dz, inputs.x, inputs.w_ih, wanted)
    return found._replace(x=x, w_ih=w_ih, b_ih=None if inputs.b_ih is None else b_ih)


def recurrent_grads(inputs: Inputs, states: Tensor, dz: Tensor) -> PartGrads:
    """Those of the recurrent weights, and of the bias that stands beside them.

    Args:
        inputs: of the forward pass.
        states: what it returned, `(P, T, B, H)`.
        dz: gradient of the recurrent products of all steps, `(P, T, B, G*H)`.

    """
    effective = effective_weight_grad(dz, states, inputs.h0, inputs.resets)
    dense, w1, w2 = factor_grads(effective, inputs.recurrent)
    hidden = inputs.h0.shape[-1]
    # The gate that joins late is the last one.
    bias_n = None if inputs.bias_n is None else dz[..., -hidden:].sum((-3, -2))
    return PartGrads(dense, w1, w2, bias_n)


def effective_weight_grad(
    dz: Tensor, states: Tensor, h0: Tensor, resets: Tensor | None = None
) -> Tensor:
    """Gradient of the effective recurrent weights.

    Args:
        dz: gradient of the recurrent part of the pre-activations, `(P, T, B, G*H)`.
        states: hidden states h_1 ... h_T, `(P, T, B, H)`.
        h0: initial state, `(P, B, H)`.
        resets: true where the state was zeroed before step t, `(P, T, B)`.

    Returns:
        dL/dW, `(P, G, H, H)`; without P where the arguments have none.

    """
    keep = None if resets is None else resets.logical_not().unsqueeze(-1)  # (P, T, B, 1)
    seen_first = h0 if keep is None else h0 * keep.select(-3, 0)
    grad = dz.select(-3, 0).mT @ seen_first  # (P, G*H, H)
    if dz.shape[-3] > 1:
        seen = states[..., :-1, :, :]
        seen = seen if keep is None else seen * keep[..., 1:, :, :]
        later = dz[..., 1:, :, :].flatten(-3, -2)  # (P, (T-1)*B, G*H)
        grad = _add_product(grad, later.mT, seen.flatten(-3, -2))
    hidden = h0.shape[-1]
    return grad.view(*grad.shape[:-2], -1, hidden, hidden)


def _add_product(total: Tensor, left: Tensor, right: Tensor) -> Tensor:
    return total.addmm_(left, right) if total.dim() == 2 else total.baddbmm_(left, right)


def factor_grads(
    d_effective: Tensor, recurrent: Recurrent
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Carry dL/dW over to the stored parts: dense, or W1 and W2.

    Args:
        d_effective: gradient of `recurrent.effective()`, `(P, G, H, H)`.
        recurrent: the stored parts.

    Returns:
        Gradients of `dense`, `w1` and `w2`.

    """
    masked = d_effective if recurrent.mask is None else d_effective * recurrent.mask
    if recurrent.dense is not None:
        return masked, None, None
    w1, w2 = recurrent.factors
    return None, masked @ w2.mT, w1.mT @ masked
