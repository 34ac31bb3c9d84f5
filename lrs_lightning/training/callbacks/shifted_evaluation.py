"""Closed-loop evaluation during and after training: the loss says little, the world decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.trainer.states import TrainerFn
from rich.console import Console

from lrs_lightning.envs import describe
from lrs_lightning.errors import ArgumentError, LrsError
from lrs_lightning.evaluation.evaluate import EVALUATION_SEED, evaluate
from lrs_lightning.evaluation.suites import Suite
from lrs_lightning.experts import load_expert
from lrs_lightning.nn import count_parameters
from lrs_lightning.report.progress import evaluation_progress
from lrs_lightning.report.table import table
from lrs_lightning.rollout import Policy, Progress, RandomPolicy, TorchPolicy, rollout
from lrs_lightning.shifts import CLEAN, ShiftContext
from lrs_lightning.statistics.summary import Summary
from lrs_lightning.training.datamodule import ExpertTrajectories
from lrs_lightning.training.module import ImitationModule

_CLEAN_SUITE = Suite.load([CLEAN])


class ShiftedEvaluation(pl.Callback):
    """Plays the policy in the world it will meet, clean and shifted.

    During training it plays a few clean episodes now and then. After `fit` and in `test` it plays
    the whole suite, in `validate` the clean world; then it writes `results.jsonl` and
    `summary.json` into the run folder, logs scalars and figures to TensorBoard, prints the table.

    Args:
        suite: `smoke`, `paper`, `full`, or a YAML file with a list of conditions.
        episodes: episodes of each condition; their seeds are the same for every policy and shift.
        every_n_epochs: epochs between the short evaluations during training; 0 for none.
        quick_episodes: episodes of a short evaluation.
        seed: evaluation seed; episode k starts from it plus k.
        threads: worker threads of the environments; all cores by default.

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
    ) -> None:
        super().__init__()
        if min(episodes, quick_episodes) < 1 or every_n_epochs < 0:
            raise ArgumentError(
                f"evaluation.episodes is {episodes}, quick_episodes {quick_episodes} and "
                f"every_n_epochs {every_n_epochs}: expected at least 1, 1 and 0"
            )
        self.suite = Suite.load(suite)
        self.episodes, self.quick_episodes = episodes, quick_episodes
        self.every_n_epochs, self.seed, self.threads = every_n_epochs, seed, threads
        self.summary: Summary | None = None
        self._references: dict[int, Mapping[str, float]] = {}

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Refuse a suite of another domain before an hour is spent on training."""
        self.suite.conditions(describe(_data(trainer).task.env).domain)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Play a few clean episodes every `every_n_epochs` epochs of training."""
        due = self.every_n_epochs and (trainer.current_epoch + 1) % self.every_n_epochs == 0
        if trainer.state.fn == TrainerFn.FITTING and due and not trainer.sanity_checking:
            summary = self._play(trainer, pl_module, _CLEAN_SUITE, self.quick_episodes, out=None)
            clean = summary.conditions[0]
            pl_module.log("closed_loop/return", clean["return_mean"], rank_zero_only=True)
            if clean["expert_normalized"] is not None:
                pl_module.log(
                    "closed_loop/of_expert",
                    clean["expert_normalized"],
                    prog_bar=True,
                    rank_zero_only=True,
                )

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
            self._report(trainer, pl_module, _CLEAN_SUITE)

    def _report(self, trainer: pl.Trainer, module: pl.LightningModule, suite: Suite) -> None:
        """Play, write, log, print."""
        if not trainer.is_global_zero or getattr(trainer, "fast_dev_run", False):
            return
        folder = Path(trainer.log_dir) if trainer.log_dir else None
        console, quiet = Console(), trainer.progress_bar_callback is None
        if not quiet:
            worlds = len(suite.conditions(describe(_data(trainer).task.env).domain))
            console.print(f"evaluating: {worlds} conditions, {self.episodes} episodes each")
        with evaluation_progress(console, quiet) as on_progress:
            self.summary = self._play(trainer, module, suite, self.episodes, folder, on_progress)
        if isinstance(trainer.logger, TensorBoardLogger):
            from lrs_lightning.report.tensorboard import log_summary

            log_summary(trainer.logger.experiment, self.summary, trainer.global_step)
            trainer.logger.experiment.flush()
        console.print(table(self.summary))
        if folder is not None:
            console.print(
                f"run folder: {folder}  (tensorboard --logdir {folder.parent})",
                soft_wrap=True,
                highlight=False,
            )

    def _play(
        self,
        trainer: pl.Trainer,
        module: pl.LightningModule,
        suite: Suite,
        episodes: int,
        out: Path | None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Summary:
        if not isinstance(module, ImitationModule) or module.policy is None:
            raise TypeError("ShiftedEvaluation plays the policy of an ImitationModule")
        data = _data(trainer)
        mean, std = data.statistics
        training = module.policy.training
        module.policy.eval()
        try:
            return evaluate(
                {"policy": TorchPolicy(module.policy, data.task.action_space)},
                data.task.env,
                suite,
                episodes,
                self.seed,
                references=self._reference_returns(data, episodes),
                out=out,
                context=ShiftContext(observation_mean=mean.numpy(), observation_std=std.numpy()),
                about={"policy": describe_policy(module)},
                step=trainer.global_step,
                threads=self.threads,
                on_progress=on_progress,
            )
        finally:
            module.policy.train(training)

    def _reference_returns(self, data: ExpertTrajectories, episodes: int) -> Mapping[str, float]:
        """What the expert and a random policy earn on the same episodes; played once each."""
        if episodes not in self._references:
            self._references[episodes] = play_references(
                data, range(self.seed, self.seed + episodes), self.threads
            )
        return self._references[episodes]


def describe_policy(module: ImitationModule) -> dict[str, Any]:
    """What `summary.json` says of a policy: its configuration and its number of parameters."""
    if module.policy is None:
        raise TypeError("the policy is not built yet")
    return {**asdict(module.config), "parameters": count_parameters(module.policy).total}


def play_references(
    data: ExpertTrajectories, seeds: Sequence[int], threads: int | None = None
) -> dict[str, float]:
    """Mean clean return of who demonstrated and of a random policy, on these very episodes."""
    policies: dict[str, Policy] = {"random": RandomPolicy(data.task.action_space)}
    with suppress(LrsError):  # imported demonstrations come without their expert
        policies["expert"] = load_expert(data.store.manifest.get("expert", ""), data.task.env)
    returns: dict[str, list[float]] = {name: [] for name in policies}
    for episode in rollout(policies, data.task.env, [CLEAN], seeds, threads=threads):
        returns[episode.policy].append(episode.return_)
    return {name: sum(values) / len(values) for name, values in returns.items()}


def _data(trainer: pl.Trainer) -> ExpertTrajectories:
    data: ExpertTrajectories = trainer.datamodule  # type: ignore[attr-defined]
    return data
