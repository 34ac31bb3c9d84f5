"""When rounds of DAgger are played: between epochs, before the next one begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import lightning.pytorch as pl

from lrs_lightning.envs import why_not
from lrs_lightning.errors import ArgumentError
from lrs_lightning.evaluation.policies import demonstrator
from lrs_lightning.rollout import Policy
from lrs_lightning.rollout.torch_policy import evaluating
from lrs_lightning.training.candidate import load_candidate
from lrs_lightning.training.dagger.datamodule import GrowingTrajectories
from lrs_lightning.training.dagger.rounds import play_round, steps_in
from lrs_lightning.training.dagger.section import DAgger
from lrs_lightning.training.playable import playable

KEY = "dagger"
"""Key of a checkpoint that tells the section, and how many rounds were learned from."""


class DAggerRounds(pl.Callback):
    """Plays the rounds of a training, and lets its data grow by them.

    A round that was stored before a run was cut is not played again: the student that would play it
    is the same.

    Args:
        section: how many rounds there are, and how they are played.
    """

    def __init__(self, section: DAgger) -> None:
        super().__init__()
        self.section = section
        self._expert: Policy | None = None
        self._expert_name = ""

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Refuse what could not be played, before anything is trained.

        Raises:
            ArgumentError: too few epochs, several processes, or no simulator.
        """
        _, task = playable(pl_module)
        if trainer.world_size > 1:
            raise ArgumentError("rounds of DAgger are played by one process: --trainer.devices=1")
        if (reason := why_not(task.env)) is not None:
            raise ArgumentError(f"DAgger plays {task.env}, which cannot be played here: {reason}")
        data = _data(trainer)
        updates = int(trainer.estimated_stepping_batches) * trainer.accumulate_grad_batches
        epochs, needed = (
            -(-updates // data.batches),
            self.section.rounds * self.section.every_n_epochs,
        )
        if needed >= epochs:
            raise ArgumentError(
                f"dagger.rounds is {self.section.rounds}, one after every "
                f"{self.section.every_n_epochs} epoch(s), and training has {epochs} epochs of "
                f"{data.batches} batches: the last round would not be learned from; give fewer "
                "rounds, smaller --data.batches or more --trainer.max_steps"
            )
        self._expert_name = self.section.expert or data.demonstrator
        self._expert = demonstrator(self._expert_name, task.env, load_candidate)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Play the rounds that are due."""
        data = _data(trainer)
        due = 0 if trainer.fast_dev_run else self.section.due(trainer.current_epoch)  # type: ignore[attr-defined]
        while data.rounds < due:
            number = data.rounds + 1
            if not data.has_round(number):
                self._play(trainer, pl_module, data, number)
            data.go_on(number)

    def _play(
        self,
        trainer: pl.Trainer,
        module: pl.LightningModule,
        data: GrowingTrajectories,
        number: int,
    ) -> None:
        player, task = playable(module)
        assert self._expert is not None
        with evaluating(module):
            found = play_round(
                player.policies(), self._expert, task, self.section, number, data.seed,
                self._expert_name,
            )  # fmt: skip
        data.grow(found)
        if trainer.progress_bar_callback is not None:
            mean = sum(episode.return_ for episode in found) / len(found)
            print(
                f"round {number} of {self.section.rounds}: the expert acted in "
                f"{self.section.beta_of(number):.0%} of the steps, {len(found)} episodes, "
                f"{steps_in(found):,} steps, mean return {mean:,.0f}"
            )

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add how many rounds were learned from, and how they were played."""
        checkpoint[KEY] = {"section": asdict(self.section), "rounds": _data(trainer).rounds}

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Go on with the same rounds."""
        _data(trainer).resume(int(checkpoint[KEY]["rounds"]))


def declared_in(checkpoint: Mapping[str, Any], asked: Mapping[str, Any] | None) -> dict[str, Any]:
    """The section that a checkpoint goes on with, `{"dagger": ...}`; nothing where it had none.

    Args:
        checkpoint: of a training.
        asked: the section that a configuration names; None for none.

    Raises:
        ArgumentError: another one is asked for.
    """
    told = checkpoint.get(KEY, {}).get("section")
    if asked is not None and dict(asked) != told:
        then = "without the section `dagger`" if told is None else f"with dagger {told}"
        raise ArgumentError(
            f"the checkpoint was trained {then}: leave the section away, or train anew without "
            "--ckpt_path"
        )
    return {} if told is None else {KEY: told}


def _data(trainer: pl.Trainer) -> GrowingTrajectories:
    data = trainer.datamodule  # type: ignore[attr-defined]
    found = data.sources[0] if hasattr(data, "sources") else data
    assert isinstance(found, GrowingTrajectories)
    return found
