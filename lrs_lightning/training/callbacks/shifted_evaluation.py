"""Closed-loop evaluation during and after training: the loss says little, the world decides.

This file says when is played; `evaluation.evaluate` what, and `presenting.py` how it is shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_info
from rich.console import Console

from lrs_lightning.envs import describe, why_not
from lrs_lightning.errors import ArgumentError
from lrs_lightning.evaluation.evaluate import EVALUATION_SEED, evaluate
from lrs_lightning.evaluation.references import References
from lrs_lightning.evaluation.suites import Suite
from lrs_lightning.experts import load_expert
from lrs_lightning.report.progress import evaluation_progress
from lrs_lightning.rollout import Progress
from lrs_lightning.rollout.torch_policy import evaluating
from lrs_lightning.shifts import CLEAN
from lrs_lightning.statistics.summary import Summary
from lrs_lightning.statistics.training_seeds import training_facts, with_own_seeds
from lrs_lightning.training.callbacks.presenting import log_scalars, present
from lrs_lightning.training.checkpoint_files import load_checkpoint
from lrs_lightning.training.offline import report_offline
from lrs_lightning.training.playable import Playable, playable
from lrs_lightning.training.run_folder import folder_of

_CLEAN_SUITE = Suite.load([CLEAN])


class ShiftedEvaluation(pl.Callback):
    """Plays what a module offers in the world that it will meet, clean and shifted.

    During training it plays a few episodes now and then, in the clean world alone unless
    `quick_suite` says otherwise: a curve for each shift. After `fit` and in `test` it plays
    the whole suite; then it writes `results.jsonl`, `references.jsonl` and `summary.json` into the
    run folder, logs scalars and figures to TensorBoard, prints the table. In `validate` it plays
    the clean world, and of a run that has results it leaves them as they are.

    Args:
        suite: `smoke`, `paper`, `full`, or a YAML file with a list of conditions.
        episodes: episodes of each condition; their seeds are the same for every policy and shift.
        every_n_epochs: epochs between the short evaluations during training; 0 for none.
        quick_episodes: episodes of each condition of a short evaluation.
        seed: evaluation seed; episode k starts from it plus k.
        threads: worker threads of the environments; all cores by default.
        quick_suite: what short evaluations play, e.g. `smoke`; by default the clean world.
            TensorBoard tells the share of the time that they take (`throughput/share_of_play`).

    Raises:
        LrsError: a number that makes no sense, an unknown suite: at once, not after training.
    """

    def __init__(
        self,
        suite: str = "paper",
        episodes: int = 20,
        every_n_epochs: int = 4,
        quick_episodes: int = 5,
        seed: int = EVALUATION_SEED,
        threads: int | None = None,
        quick_suite: str | None = None,
    ) -> None:
        super().__init__()
        if min(episodes, quick_episodes) < 1 or every_n_epochs < 0:
            raise ArgumentError(
                f"evaluation.episodes is {episodes}, quick_episodes {quick_episodes} and "
                f"every_n_epochs {every_n_epochs}: expected at least 1, 1 and 0"
            )
        self.suite = Suite.load(suite)
        self.quick_suite = _CLEAN_SUITE if quick_suite is None else Suite.load(quick_suite)
        self.seconds = 0.0
        """Spent on short evaluations so far."""
        self.episodes, self.quick_episodes = episodes, quick_episodes
        self.every_n_epochs, self.seed, self.threads = every_n_epochs, seed, threads
        self.summary: Summary | None = None
        self._references: References | None = None

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Refuse a suite that cannot be played before an hour is spent on training.

        Of data without a simulator it is said at once that nothing will be played.
        """
        if (reason := why_not(playable(pl_module)[1].env)) is not None:
            rank_zero_info(f"no closed loop, held-out episodes alone: {reason}")
            return
        for suite in (self.suite, self.quick_suite):
            suite.playable(describe(playable(pl_module)[1].env))

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The same, before the held-out episodes are read."""
        if why_not(playable(pl_module)[1].env) is None:
            self.suite.playable(describe(playable(pl_module)[1].env))

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Play a few episodes every `every_n_epochs` epochs of training."""
        due = self.every_n_epochs and (trainer.current_epoch + 1) % self.every_n_epochs == 0
        due = due and trainer.is_global_zero and not trainer.sanity_checking
        due = due and why_not(playable(pl_module)[1].env) is None
        if trainer.state.fn == TrainerFn.FITTING and due:
            began = time.monotonic()
            summary = self._play(trainer, pl_module, self.quick_suite, self.quick_episodes, None)
            log_scalars(pl_module, summary)
            self.seconds += time.monotonic() - began

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Play the whole suite with the weights that training ended with."""
        if not trainer.interrupted:
            self._report(trainer, pl_module, self.suite)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Play the whole suite."""
        self._report(trainer, pl_module, self.suite)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """In `validate`, play the clean world."""
        if trainer.state.fn == TrainerFn.VALIDATING:
            folder = folder_of(trainer)
            keep = folder is not None and (folder / "summary.json").exists()
            self._report(trainer, pl_module, _CLEAN_SUITE, keep)

    def _report(
        self, trainer: pl.Trainer, module: pl.LightningModule, suite: Suite, keep: bool = False
    ) -> None:
        if not trainer.is_global_zero or getattr(trainer, "fast_dev_run", False):
            return
        if (reason := why_not(playable(module)[1].env)) is not None:
            report_offline(trainer, module, reason)
            return
        console, quiet = Console(), trainer.progress_bar_callback is None
        if not quiet:
            _, task = playable(module)
            worlds = len(suite.conditions(describe(task.env).domain, task.pixels))
            console.print(f"evaluating: {worlds} conditions, {self.episodes} episodes each")
        with evaluation_progress(console, quiet) as on_progress:
            out = None if keep else folder_of(trainer)
            self.summary = self._play(trainer, module, suite, self.episodes, out, on_progress)
        present(trainer, self.summary, None if keep else step_of(trainer))

    def _play(
        self,
        trainer: pl.Trainer,
        module: pl.LightningModule,
        suite: Suite,
        episodes: int,
        out: Path | None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Summary:
        player, task = playable(module)
        if self._references is None:
            data = getattr(trainer, "datamodule", None)
            self._references = References(
                task.env,
                getattr(data, "demonstrator", None),
                folder_of(trainer),
                threads=self.threads,
                load=getattr(data, "load_demonstrator", load_expert),
            )
        with evaluating(module):
            return evaluate(
                player.policies(),
                task.env,
                suite,
                episodes,
                self.seed,
                references=self._references,
                out=out,
                context=player.shift_context(),
                about=_described(player, folder_of(trainer)),
                step=step_of(trainer),
                threads=self.threads,
                on_progress=on_progress,
            )


def step_of(trainer: pl.Trainer) -> int:
    """Updates of the weights that play; of a checkpoint that is judged, those that it says."""
    if trainer.state.fn == TrainerFn.FITTING or not trainer.ckpt_path:
        return int(trainer.global_step)
    return int(load_checkpoint(trainer.ckpt_path)[0].get("global_step", 0))


def _described(player: Playable, folder: Path | None) -> dict[str, dict[str, Any]]:
    """What each policy is, with the seeds and the configuration of its training."""
    facts = training_facts(folder)
    return {name: with_own_seeds(facts, about) for name, about in player.describe().items()}
