"""One cycle of the learning rate: up to its peak and down again over a training of known length."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
import torch

from lrs_lightning.errors import ArgumentError


def one_cycle(optimizer: torch.optim.Optimizer, updates: int, warmup: float) -> dict[str, Any]:
    """What `configure_optimizers` returns: one cycle of the learning rate of each group.

    Args:
        optimizer: whose rates are the peaks.
        updates: length of the cycle.
        warmup: share of the updates until the peak.
    """
    peaks = [group["lr"] for group in optimizer.param_groups]
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=peaks, total_steps=updates, pct_start=warmup
    )
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def refuse_stretching(module: pl.LightningModule) -> None:
    """Refuse to go on with another number of updates than the cycle was made for.

    Raises:
        ArgumentError: the checkpoint was made for another number.
    """
    scheduler: Any = module.lr_schedulers()
    wanted = int(module.trainer.estimated_stepping_batches)
    if scheduler.total_steps != wanted:
        raise ArgumentError(
            f"the checkpoint was made for {scheduler.total_steps} updates and max_steps is now "
            f"{wanted}: one cycle of the learning rate cannot be stretched; give "
            f"--trainer.max_steps={scheduler.total_steps}, or train anew"
        )
