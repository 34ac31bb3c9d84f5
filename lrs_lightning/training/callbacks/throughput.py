"""How fast training is, and how much of its time goes into short evaluations, in TensorBoard.

These figures are of a clock: they differ between two runs that are equal in every other.
"""

from __future__ import annotations

import time
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.loggers import TensorBoardLogger

from lrs_lightning.training.callbacks.shifted_evaluation import ShiftedEvaluation

GROUP = "throughput"


class Throughput(pl.Callback):
    """Logs updates a second, and the share of the time that was spent on playing, once an epoch."""

    def __init__(self) -> None:
        super().__init__()
        self._began = self._played = 0.0
        self._first = 0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self._began, self._first = time.monotonic(), trainer.global_step
        self._played = _seconds_of_play(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Log what the clock says."""
        updates = trainer.global_step - self._first
        if not updates or not isinstance(trainer.logger, TensorBoardLogger):
            return
        seconds = max(time.monotonic() - self._began, 1e-9)
        played = _seconds_of_play(trainer) - self._played
        figures = {"updates_per_second": updates / seconds, "share_of_play": played / seconds}
        for name, value in figures.items():
            trainer.logger.experiment.add_scalar(f"{GROUP}/{name}", value, trainer.global_step)


def _seconds_of_play(trainer: pl.Trainer) -> float:
    callbacks: list[pl.Callback] = trainer.callbacks  # type: ignore[attr-defined]
    return sum(one.seconds for one in callbacks if isinstance(one, ShiftedEvaluation))
