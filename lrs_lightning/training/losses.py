"""Imitation losses: how far the student's actions are from the expert's, step by step."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def imitation_loss(outputs: Tensor, labels: Tensor, loss_mask: Tensor) -> Tensor:
    """Weighted mean over the steps that count.

    Args:
        outputs: actions `(B, T, A)` of a box, or logits `(B, T, A)` of discrete actions.
        labels: the expert's actions, `(B, T, A)` of a box, or `(B, T)` indices of discrete ones.
        loss_mask: how much a step counts, `(B, T)`; 1 or 0 of a window.

    Returns:
        Squared error, meaned over actions, for a box, else cross-entropy; a scalar. Where no step
        counts it is 0 and so are its gradients.
    """
    if labels.dim() == loss_mask.dim():
        per_step = functional.cross_entropy(
            outputs.flatten(0, 1), labels.flatten().long(), reduction="none"
        ).view_as(loss_mask)
    else:
        per_step = functional.mse_loss(outputs, labels, reduction="none").mean(-1)
    # where() and not a product: an unlearned step may hold anything, and 0 * inf is NaN.
    counted = torch.where(loss_mask > 0, per_step * loss_mask, 0.0)
    return counted.sum() / loss_mask.sum().clamp_min(1e-8)
