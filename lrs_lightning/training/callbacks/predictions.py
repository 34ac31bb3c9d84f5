"""What `predict` leaves behind: the outputs for each window, beside what the expert did."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor

from lrs_lightning.data import WindowBatch
from lrs_lightning.files import write_whole
from lrs_lightning.training.run_folder import folder_of

FILE = "predictions.npz"


class Predictions(pl.Callback):
    """Writes `predictions.npz` into the run folder, and says so.

    The file has `outputs` (W, T, A), actions or logits; `labels` (W, T, A) or (W, T), what the
    expert would have done; and `loss_mask` (W, T), 0 where a step is padding or was only read to
    fill the memory. W are the windows of the held-out episodes, T their steps.
    """

    def __init__(self) -> None:
        self._parts: dict[str, list[Tensor]] = {}

    def on_predict_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin anew."""
        self._parts = {"outputs": [], "labels": [], "loss_mask": []}

    def on_predict_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: WindowBatch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep a batch, without its observations: those are in the store."""
        for name, part in (
            ("outputs", outputs),
            ("labels", batch.labels),
            ("loss_mask", batch.loss_mask),
        ):
            self._parts[name].append(part.detach().cpu())

    def on_predict_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the file."""
        if not trainer.is_global_zero or not self._parts["outputs"]:
            return
        arrays = {name: torch.cat(parts).numpy() for name, parts in self._parts.items()}
        content = BytesIO()
        np.savez_compressed(content, allow_pickle=False, **arrays)
        folder = folder_of(trainer) or Path(trainer.default_root_dir)
        path = write_whole(folder / FILE, content.getvalue())
        windows, steps = arrays["loss_mask"].shape
        print(f"predicted {windows} windows of {steps} steps from the held-out episodes: {path}")
