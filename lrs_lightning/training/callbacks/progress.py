"""How far a training run is: one bar in a terminal, a line now and then where there is none."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol

import lightning.pytorch as pl
from lightning.pytorch.callbacks import ProgressBar
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from lrs_lightning.report.progress import SECONDS_BETWEEN_LINES

_REFRESH_SECONDS = 0.2  # a terminal is not read faster, and drawing costs more than an update
# Metric -> its name in the bar, which has 80 columns for everything.
_SHOWN = {"val/loss": "val loss", "closed_loop/of_expert": "of expert"}


class Display(Protocol):
    """Where progress is shown."""

    interval: float
    """Seconds between two calls of `show`."""

    def show(self, step: int, speed: float, figures: str) -> None:
        """Show how far it is: updates so far, updates a second, the latest figures."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class RunProgress(ProgressBar):
    """One display for all updates; Lightning's own bar begins anew with every epoch."""

    def __init__(self) -> None:
        super().__init__()
        self._display: Display | None = None

    def disable(self) -> None:
        """Show nothing; Lightning calls this on all ranks but the first."""
        self._display = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the display."""
        total, console = int(trainer.estimated_stepping_batches), Console()
        kind = Bar if console.is_terminal else Lines
        self._display = kind(console, trainer.global_step, total)
        self._began = self._shown = time.monotonic()
        self._first = trainer.global_step

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Move on, now and then."""
        if self._display and time.monotonic() - self._shown > self._display.interval:
            self._show(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Close the display before anything else is printed."""
        self._close(trainer)

    def on_exception(self, trainer: pl.Trainer, *_: Any) -> None:
        """Leave the terminal as it was."""
        self._close(trainer)

    def _show(self, trainer: pl.Trainer) -> None:
        if self._display is not None:
            self._shown = time.monotonic()
            updates = trainer.global_step - self._first
            speed = updates / max(1e-9, self._shown - self._began)
            self._display.show(trainer.global_step, speed, figures(trainer.progress_bar_metrics))

    def _close(self, trainer: pl.Trainer) -> None:
        if self._display is not None:
            self._show(trainer)
            self._display.close()
            self._display = None


class Bar:
    """A bar of one line; it fits 80 columns up to a million updates."""

    interval = _REFRESH_SECONDS

    def __init__(self, console: Console, step: int, total: int) -> None:
        self._progress = Progress(
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            BarColumn(bar_width=12),
            TextColumn("{task.fields[speed]:.0f}/s"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
            auto_refresh=False,
            console=console,
        )
        self._task = self._progress.add_task("", total=total, completed=step, speed=0.0, figures="")
        self._progress.start()

    def show(self, step: int, speed: float, figures: str) -> None:
        """Draw it."""
        self._progress.update(
            self._task, completed=step, speed=speed, figures=figures, refresh=True
        )

    def close(self) -> None:
        """Leave the line as it is and go to the next."""
        self._progress.stop()


class Lines:
    """A line when training begins, one now and then, and one at its end."""

    interval = SECONDS_BETWEEN_LINES

    def __init__(self, console: Console, step: int, total: int) -> None:
        self._console, self._total = console, total
        self._say(f"training: update {step} of {total}")

    def show(self, step: int, speed: float, figures: str) -> None:
        """Print it."""
        parts = [f"training: update {step} of {self._total}", f"{speed:.0f}/s", figures]
        self._say(", ".join(part for part in parts if part))

    def close(self) -> None:
        """Nothing is left to be done."""

    def _say(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, highlight=False)


def figures(metrics: Mapping[str, Any]) -> str:
    """The latest figures, as far as they are known, e.g. `val loss 0.0123  of expert 0.98`."""
    known = ((name, metrics[key]) for key, name in _SHOWN.items() if key in metrics)
    return "  ".join(f"{name} {float(value):.3g}" for name, value in known)
