"""Figures of a clock in TensorBoard: how fast, and how much of it was play."""

from __future__ import annotations

import lightning.pytorch as pl
import torch
from lightning.pytorch.demos.boring_classes import BoringModel
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lrs_lightning.training.callbacks.shifted_evaluation import ShiftedEvaluation
from lrs_lightning.training.callbacks.throughput import Throughput


class Playing(ShiftedEvaluation):
    """Spends what would be an hour of each epoch's time on playing."""

    def on_fit_start(self, trainer, pl_module):
        pass

    def on_fit_end(self, trainer, pl_module):
        pass

    def on_validation_epoch_end(self, trainer, pl_module):
        self.seconds += 3600


def test_speed_and_share_are_logged_once_an_epoch(tmp_path):
    torch.manual_seed(0)
    trainer = pl.Trainer(
        logger=TensorBoardLogger(tmp_path, name="", version=""), max_epochs=2,
        limit_train_batches=2, limit_val_batches=1, num_sanity_val_steps=0, accelerator="cpu",
        callbacks=[Playing(), Throughput()], enable_progress_bar=False, enable_model_summary=False,
        enable_checkpointing=False, log_every_n_steps=1,
    )  # fmt: skip
    trainer.fit(BoringModel())
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    speed = events.Scalars("throughput/updates_per_second")
    assert [event.step for event in speed] == [2, 4] and all(event.value > 0 for event in speed)
    shares = [event.value for event in events.Scalars("throughput/share_of_play")]
    assert len(shares) == 2 and min(shares) > 1  # hours that the clock has not seen
