"""One bar for a whole training run: updates done and left, speed, time left, the latest figures."""

from __future__ import annotations

import time
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import ProgressBar
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

_REFRESH_SECONDS = 0.2  # a terminal is not read faster, and drawing costs more than an update
_SHOWN = ("val/loss", "closed_loop/of_expert")  # a line of 80 characters holds no more


class RunProgress(ProgressBar):
    """A single bar over all updates; Lightning's own begins anew with every epoch."""

    def __init__(self) -> None:
        super().__init__()
        self._progress: Progress | None = None
        self._task = TaskID(0)
        self._drawn = 0.0

    def disable(self) -> None:
        """Show nothing; Lightning calls this on all ranks but the first."""
        self._progress = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the bar."""
        total = trainer.estimated_stepping_batches
        self._progress = Progress(
            TextColumn("update {task.completed:.0f}/{task.total:.0f}"),
            BarColumn(bar_width=16),
            TextColumn("{task.fields[speed]:.0f}/s"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
            auto_refresh=False,
        )
        self._task = self._progress.add_task(
            "", total=total, completed=trainer.global_step, speed=0.0, figures=""
        )
        self._progress.start()
        self._began = time.monotonic(), trainer.global_step

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Move on, a few times a second."""
        if self._progress is not None and time.monotonic() - self._drawn > _REFRESH_SECONDS:
            self._draw(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Close the bar before anything else is printed."""
        self._close(trainer)

    def on_exception(self, trainer: pl.Trainer, *_: Any) -> None:
        """Leave the terminal as it was."""
        self._close(trainer)

    def _draw(self, trainer: pl.Trainer) -> None:
        if self._progress is None:
            return
        self._drawn = time.monotonic()
        began, first = self._began
        figures = trainer.progress_bar_metrics
        self._progress.update(
            self._task,
            completed=trainer.global_step,
            speed=(trainer.global_step - first) / max(1e-9, self._drawn - began),
            figures="  ".join(f"{k} {figures[k]:.3g}" for k in _SHOWN if k in figures),
            refresh=True,
        )

    def _close(self, trainer: pl.Trainer) -> None:
        if self._progress is not None:
            self._draw(trainer)
            self._progress.stop()
            self._progress = None
