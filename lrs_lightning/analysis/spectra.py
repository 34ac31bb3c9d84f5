"""Numbers that sum up a matrix: spectral radius and norm, stable and effective rank."""

from __future__ import annotations

import torch
from torch import Tensor


def spectral_radius(matrix: Tensor) -> Tensor:
    """Largest modulus of an eigenvalue, `(..., n, n)` -> `(...)`."""
    radius: Tensor = torch.linalg.eigvals(matrix).abs().amax(-1)
    return radius


def spectral_norm(matrix: Tensor) -> Tensor:
    """Largest singular value, `(..., n, m)` -> `(...)`.

    By way of the smaller Gram matrix, which takes half the time of a singular value decomposition;
    the largest value keeps all its digits.
    """
    # Products over many steps are tiny, and their squares would underflow.
    scale = matrix.abs().amax((-2, -1), keepdim=True).clamp_min(_TINY)
    scaled = matrix / scale
    tall = matrix.shape[-2] >= matrix.shape[-1]
    gram = scaled.mT @ scaled if tall else scaled @ scaled.mT
    largest: Tensor = torch.linalg.eigvalsh(gram)[..., -1].clamp_min(0)
    return largest.sqrt() * scale[..., 0, 0]


def stable_rank(values: Tensor) -> Tensor:
    """`||W||²_F / ||W||²` from singular values `(..., n)`, descending; 0 for a zero matrix."""
    shares = values / values[..., :1].clamp_min(_TINY)
    return shares.square().sum(-1)


def effective_rank(values: Tensor) -> Tensor:
    """`exp` of the entropy of the singular values' shares (Roy and Vetterli 2007).

    Args:
        values: singular values `(..., n)`; those of a zero matrix give 0.
    """
    total = values.sum(-1, keepdim=True)
    shares = values / total.clamp_min(_TINY)
    entropy = -torch.special.xlogy(shares, shares).sum(-1)
    return torch.where(total[..., 0] > 0, entropy.exp(), 0.0)


_TINY = 1e-300  # in float64 larger than zero, and smaller than anything met
