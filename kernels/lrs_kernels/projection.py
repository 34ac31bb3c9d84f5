"""The input part of the pre-activations by a library's GEMM, `x W_ih^T + b`, and its gradients.

For backends that take it projected. Letters as in `passes.py`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from lrs_kernels.passes import Wanted


def project(x: Tensor, w_ih: Tensor, b_ih: Tensor | None) -> Tensor:
    """Project the input of a layer for all steps at once, differentiable.

    Args:
        x: `(P, T, B, I)`.
        w_ih: `(P, G*H, I)`.
        b_ih: `(P, G*H)`, or None.

    Returns:
        `(P, T, B, G*H)`.

    """
    if x.dim() == 3:
        return functional.linear(x, w_ih, b_ih)
    rows = x.flatten(-3, -2)  # (P, T*B, I)
    if b_ih is None:
        projected = torch.bmm(rows, w_ih.mT)
    else:
        projected = torch.baddbmm(b_ih.unsqueeze(-2), rows, w_ih.mT)
    return projected.view(*x.shape[:-1], -1)


def projection_grads(
    dz: Tensor, x: Tensor, w_ih: Tensor, wanted: Wanted
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Gradients of `x`, `w_ih` and `b_ih` from that of the projection, `(P, T, B, G*H)`."""
    rows = dz.flatten(-3, -2)  # (P, T*B, G*H)
    d_x = (rows @ w_ih).view(x.shape) if wanted.layer_input else None
    if not wanted.projection:
        return d_x, None, None
    return d_x, rows.mT @ x.flatten(-3, -2), rows.sum(-2)
