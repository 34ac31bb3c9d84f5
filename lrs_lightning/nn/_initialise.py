"""Initial input weights of the LRS layers; the recurrent ones come from `connectivity`."""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def input_weight_(weight: Tensor, gates: int, init: str) -> None:
    """Fill the input weights `(G H, I)`, gate by gate.

    Glorot's bound depends on a matrix's own two sides, so the stacked matrix would get smaller
    ones.
    """
    hidden = weight.shape[0] // gates
    for block in torch.split(weight, hidden):
        if init == "uniform":
            torch.nn.init.uniform_(block, -(hidden**-0.5), hidden**-0.5)
        else:
            torch.nn.init.xavier_uniform_(block)


@torch.no_grad()
def bias_(bias: Tensor, gates: int, init: str) -> None:
    """Fill a bias `(G H,)`: zero, or as torch.nn does where `init` is `"uniform"`."""
    if init == "uniform":
        bound = (bias.shape[0] // gates) ** -0.5
        torch.nn.init.uniform_(bias, -bound, bound)
    else:
        bias.zero_()
