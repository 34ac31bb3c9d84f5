"""Gradients of the recurrent weights: one GEMM for all time steps, then the chain to the factors.

The loops over time leave dL/dz behind, so what remains does not depend on the order of the steps.
All backends end here, but for small matrices on `native`. Letters as in `recurrent.py`.
"""

from __future__ import annotations

from torch import Tensor

from lrs_kernels.passes import Inputs, PartGrads, Recurrence
from lrs_kernels.recurrent import Recurrent


def weight_grads(recurrence: Recurrence, inputs: Inputs, states: Tensor, dz: Tensor) -> PartGrads:
    """Gradients of the stored parts.

    Args:
        recurrence: what was run; all of them are alike here.
        inputs: of the forward pass.
        states: what it returned, `(P, T, B, H)`.
        dz: gradient of the recurrent part of the pre-activations, `(P, T, B, G*H)`.

    """
    effective = effective_weight_grad(dz, states, inputs.h0, inputs.resets)
    return factor_grads(effective, inputs.recurrent)


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


def factor_grads(d_effective: Tensor, recurrent: Recurrent) -> PartGrads:
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
