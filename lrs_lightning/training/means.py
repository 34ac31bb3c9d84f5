"""Weighted means, one or many side by side, which a checkpoint can take up half-way."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric


class WeightedMeans(Metric):  # type: ignore[misc]  # torchmetrics has no types
    """Means of numbers `(P,)` with weights; NaN stays what it is and is seen.

    torchmetrics' own mean takes no weights where NaN shall stay.

    Args:
        count: how many means, P.
    """

    total: Tensor
    weight: Tensor

    def __init__(self, count: int = 1) -> None:
        super().__init__()
        self.add_state("total", torch.zeros(count), dist_reduce_fx="sum")
        self.add_state("weight", torch.zeros(count), dist_reduce_fx="sum")

    def update(self, values: Tensor, weight: Tensor | float = 1.0) -> None:
        """Add a value `(P,)` or `()` of weight `(P,)` or `()`; of weight 0 it is not looked at."""
        weight = torch.as_tensor(weight, dtype=values.dtype, device=values.device)
        self.total += torch.where(weight > 0, values * weight, 0.0)
        self.weight += weight

    def compute(self) -> Tensor:
        """The means: `(P,)`, or `()` of one alone."""
        means = self.total / self.weight
        return means.squeeze(0) if len(means) == 1 else means
