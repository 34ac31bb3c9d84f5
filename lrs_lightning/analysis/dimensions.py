"""How many dimensions a cloud of vectors fills, by its principal components."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

COMPONENTS = 5
SHARE = 0.9


@dataclass(frozen=True)
class Dimensions:
    """Of a set of vectors.

    Args:
        in_five: share of the variance in the five largest principal components.
        for_ninety: components that hold 90 % of the variance together.
        participation: participation ratio `(sum l)² / sum l²` of the variances l.
        variance: total variance.
        shares: of each component, descending.
    """

    in_five: float
    for_ninety: int
    participation: float
    variance: float
    shares: Tensor


def dimensions(vectors: Tensor) -> Dimensions:
    """Principal components of `vectors (M, d)`; vectors that do not vary have NaN dimensions."""
    vectors = vectors.double()
    centred = vectors - vectors.mean(0)
    variances = torch.linalg.eigvalsh(centred.mT @ centred / len(centred)).flip(0).clamp_min(0)
    total = float(variances.sum())
    if total <= _ROUNDING * float(vectors.square().sum(-1).mean()):
        nothing = torch.full_like(variances, torch.nan)
        return Dimensions(torch.nan, 0, torch.nan, 0.0, nothing)
    shares = variances / total
    return Dimensions(
        in_five=float(shares[:COMPONENTS].sum()),
        # The last sum may fall short of 1 by rounding, so it is not looked at.
        for_ninety=int((shares.cumsum(0)[:-1] < SHARE).sum()) + 1,
        participation=float(1 / shares.square().sum()),
        variance=total,
        shares=shares,
    )


_ROUNDING = 1e-24  # a variance this small, beside the mean square, is what subtraction left
