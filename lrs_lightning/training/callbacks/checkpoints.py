"""When a run is saved, and where it may be cut: `last.ckpt` is the last update, always."""

from __future__ import annotations

import math
import re
import time
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.trainer.states import RunningStage, TrainerFn

from lrs_lightning.errors import ArgumentError, DataError, NotFiniteError
from lrs_lightning.files import write_whole
from lrs_lightning.stopping import SIGNALS, Interrupted
from lrs_lightning.training.checkpoint_files import BEST, FOLDER, INITIAL, LAST
from lrs_lightning.training.recipe import check_recipe, recipe
from lrs_lightning.training.resume_state import (
    generators,
    metric_state,
    restore_generators,
    restore_metric,
    settle_validation,
)

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


class Checkpoints(Checkpoint):
    """Saves a run, so that whatever ends it costs little and a resumed run is the same run.

    `last.ckpt` is written every minute, with every better validation loss, at the end and when a
    signal asks for the end; `best.ckpt` with every better validation loss. Both hold all that is
    needed to go on to the last bit: weights, optimiser, schedule, counters, half a mean of the
    training loss, the state of torch's generators.

    Args:
        every: longest time between two saves, such as `30s`, `5m`, or a number of seconds.
        monitor: what `best.ckpt` is the lowest of.

    Raises:
        ArgumentError: a time that is none.
    """

    def __init__(self, every: str | float = "60s", monitor: str = "val/loss") -> None:
        super().__init__()
        self.every, self.monitor = _seconds(every), monitor
        self.folder = Path(FOLDER)
        self.best_model_path = self.last_model_path = ""  # Lightning's names, for its loggers
        self.best_score, self.best_step = math.inf, 0
        self._resumed: dict[str, Any] | None = None
        self._source: Path | None = None
        self._saved_at, self._saved_step = 0.0, 0
        self.begun = False  # whether a first update was tried, so that nothing is refused any more
        self._training = self._validated = False
        self._pending = False  # whether a resumed run must first end a validation
        self._generators = generators()

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Settle the folder."""
        self.folder = Path(trainer.log_dir or trainer.default_root_dir) / FOLDER

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add what Lightning leaves out."""
        pending = _validating(trainer) and not self._validated
        settle_validation(checkpoint["loops"]["fit_loop"], pending)
        checkpoint["resume"] = {
            "recipe": recipe(trainer),
            "pending": pending,
            "best_score": self.best_score,
            "best_step": self.best_step,
            "generators": self._generators if pending else generators(),
            "train_loss": metric_state(getattr(pl_module, "train_loss", None)),
        }

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Check that the run goes on as it began.

        Raises:
            ArgumentError: it was trained on other data, or with batches of another size.
        """
        if trainer.state.fn != TrainerFn.FITTING:
            return
        self._resumed = checkpoint.get("resume", {})
        self._source = Path(str(trainer.ckpt_path)).parent
        check_recipe(self._resumed.get("recipe", {}), recipe(trainer))

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take up what was left, and from here on stop between two updates only."""
        if self._resumed:
            self.best_score = float(self._resumed["best_score"])
            self.best_step = int(self._resumed["best_step"])
            restore_metric(getattr(pl_module, "train_loss", None), self._resumed["train_loss"])
            restore_generators(self._resumed["generators"])
            self._pending = bool(self._resumed["pending"])
        self._training, self.begun, self._saved_at = True, False, time.monotonic()
        SIGNALS.install()  # Lightning has taken SIGTERM
        SIGNALS.defer()

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        """Before the first update, when nothing can be refused any more: the first files."""
        self._begin_once(trainer)

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Save when it is time, and stop where that was asked for."""
        due = self._due(trainer)
        if (SIGNALS.received or due) and _can_go_on_from_here(trainer):
            if SIGNALS.received:
                SIGNALS.release()
            self._save_last(trainer)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Validation changes nothing, so that a signal may cut one process anywhere."""
        if not (self._training and _validating(trainer)):
            return
        self._begin_once(trainer)
        if self._pending and self._resumed:
            restore_generators(self._resumed["generators"])
        self._pending = self._validated = False
        self._generators = generators()
        if trainer.world_size == 1:
            SIGNALS.release()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the best, first, and what knows of it."""
        if not (self._training and _validating(trainer)):
            return
        SIGNALS.defer()
        self._validated = True
        score = float(trainer.callback_metrics.get(self.monitor, math.inf))
        if score < self.best_score:
            self.best_score, self.best_step = score, trainer.global_step
            self._save(trainer, BEST)
            self.best_model_path = str(self.folder / BEST)
            self._save_last(trainer)
        elif self._due(trainer):
            self._save_last(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save what training ended with; from here on a signal may cut anything again."""
        self._due(trainer)  # of several processes all end where one was asked to
        self._save_last(trainer)
        self._training = False
        SIGNALS.release()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Save where that is possible: between two updates, or while validating."""
        SIGNALS.defer()
        training, self._training = self._training and self.begun, False
        between = isinstance(exception, Interrupted)
        if trainer.world_size == 1:  # several save together, and only signals reach all
            between = between or _validating(trainer) or isinstance(exception, NotFiniteError)
        if training and between:
            # Where a save has failed already, that is told, and which one before it is whole.
            with suppress(DataError) if isinstance(exception, DataError) else nullcontext():
                self._save_last(trainer)
        if self.last_model_path:
            exception.add_note(
                f"update {self._saved_step} is saved: --ckpt_path={self.last_model_path} goes on"
            )

    def _begin_once(self, trainer: pl.Trainer) -> None:
        if not self.begun:
            self.begun = True
            self._begin(trainer)

    def _begin(self, trainer: pl.Trainer) -> None:
        if trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        if trainer.is_global_zero:
            self._tidy()
        if self._resumed is None:
            trainer.save_checkpoint(self.folder / INITIAL, weights_only=True)
        trainer.strategy.barrier("the first files")  # which the others look at now
        if (self.folder / BEST).is_file():
            self.best_model_path = str(self.folder / BEST)
        else:
            self.best_score = math.inf

    def _tidy(self) -> None:
        """Take away what a kill has left, and take along what an earlier run has found."""
        for litter in self.folder.glob(".*.ckpt"):  # of a run that was killed while it saved
            litter.unlink(missing_ok=True)
        if self._source is not None and self._source.resolve() != self.folder.resolve():
            for name in (INITIAL, BEST):  # of the run that this one goes on with
                if (self._source / name).is_file():
                    write_whole(self.folder / name, (self._source / name).read_bytes())

    def _due(self, trainer: pl.Trainer) -> bool:
        """Whether it is time for a save.

        Several processes, each with a clock and signals of its own, agree on both: a save needs
        them all, and so does an end.
        """
        due = time.monotonic() - self._saved_at >= self.every
        if trainer.world_size == 1:
            return due
        told = torch.tensor([int(due), SIGNALS.received or 0], device=trainer.strategy.root_device)
        any_due, number = trainer.strategy.reduce(told, reduce_op="max").tolist()
        SIGNALS.received = number or None
        return bool(any_due)

    def _save_last(self, trainer: pl.Trainer) -> None:
        self._save(trainer, LAST)
        self.last_model_path = str(self.folder / LAST)
        self._saved_at, self._saved_step = time.monotonic(), trainer.global_step

    def _save(self, trainer: pl.Trainer, name: str) -> None:
        if not trainer.fast_dev_run:  # type: ignore[attr-defined]
            trainer.save_checkpoint(self.folder / name, weights_only=False)


def _seconds(text: str | float) -> float:
    match = re.fullmatch(r"([0-9]*\.?[0-9]+) ?(s|m|h|)", str(text).strip())
    if match is None:
        raise ArgumentError(f"checkpoint.every is {text!r}: give a time such as 60s, 5m or 1h")
    return float(match[1]) * _UNITS[match[2]]


def _validating(trainer: pl.Trainer) -> bool:
    fitting = trainer.state.fn == TrainerFn.FITTING
    return fitting and trainer.state.stage == RunningStage.VALIDATING


def _can_go_on_from_here(trainer: pl.Trainer) -> bool:
    """Whether Lightning can take up a run that is cut after this batch.

    It cannot while gradients are accumulated, before a validation that is due (that is cut when it
    starts), at an epoch's end, except where an epoch is a single batch, or at the end of training.
    """
    fit, loop = trainer.fit_loop, trainer.fit_loop.epoch_loop
    if loop._should_accumulate() or trainer.global_step == trainer.max_steps:
        return False
    if loop.batch_progress.is_last_batch and trainer.num_training_batches > 1:
        return False
    fetcher = fit._data_fetcher
    return fetcher is not None and not loop._should_check_val_fx(fetcher)
