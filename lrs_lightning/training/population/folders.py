"""A run folder for every member, as a `fit` of its own would leave it.

RUN/members/NAME/config.yaml      the `fit` that the member equals
RUN/members/NAME/checkpoints/     initial.ckpt, best.ckpt, last.ckpt
RUN/members/NAME/events...        curves for TensorBoard
RUN/members/NAME/results.jsonl    its episodes, with references.jsonl and summary.json
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning
import lightning.pytorch as pl
import yaml
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.trainer.states import TrainerFn

from lrs_lightning.checkpoints import check_finite, write_checkpoint
from lrs_lightning.evaluation.references import FILE as REFERENCES
from lrs_lightning.files import write_whole
from lrs_lightning.statistics.results import read_results, rewrite_results
from lrs_lightning.statistics.summary import Summary
from lrs_lightning.training.checkpoint_files import BEST, FOLDER, INITIAL, LAST
from lrs_lightning.training.dagger.datamodule import FOLDER as GATHERED
from lrs_lightning.training.population.members import Member
from lrs_lightning.training.population.module import PopulationModule
from lrs_lightning.training.run_folder import MEMBERS, POLICY, folder_of


class MemberFolders(pl.Callback):
    """Writes what each member leaves: configuration, checkpoints, curves, results.

    `best.ckpt` is written with every better validation loss of the member, `last.ckpt` with every
    validation and at the end.

    Args:
        configuration: of the population, as plain values.
        monitor: what a member's `best.ckpt` is the lowest of.
    """

    def __init__(self, configuration: Mapping[str, Any], monitor: str = "val/loss") -> None:
        super().__init__()
        self._configuration, self.monitor = dict(configuration), monitor
        self._best: dict[str, float] = {}
        self._curves: dict[str, Any] = {}
        self._resumed = False

    def state_dict(self) -> dict[str, Any]:
        """The best validation loss of each member so far."""
        return {"best": dict(self._best)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with them."""
        self._best, self._resumed = dict(state_dict["best"]), True

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write configurations and initial weights, or take those along of the run before."""
        if not _writes(trainer):
            return
        module = _population(pl_module)
        module.take_back()
        for member in module.members:
            folder = member_folder(trainer, member.name)
            own = member.configuration(self._configuration)
            if self._configuration.get("dagger") is not None:  # what all have gathered
                own["data"]["path"] = str(folder.parent.parent / GATHERED)
            text = yaml.safe_dump(own, sort_keys=False)
            write_whole(folder / "config.yaml", text)
            if self._resumed:
                _take_along(_source(trainer, member.name), folder / FOLDER)
            else:
                self._save(trainer, member, INITIAL)
            if isinstance(trainer.logger, TensorBoardLogger):
                from torch.utils.tensorboard import SummaryWriter

                self._curves[member.name] = SummaryWriter(str(folder))

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the training loss of each; the module forgets it right after."""
        means = _population(pl_module).train_loss
        if self._curves and means.update_called:
            self._log(trainer, pl_module, {"train/loss": means.compute().reshape(-1).tolist()})

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the last of each, and what is better than before."""
        if trainer.state.fn != TrainerFn.FITTING or not _writes(trainer):
            return
        module = _population(pl_module)
        scores = module.figures[self.monitor]
        module.take_back()
        for number, (member, score) in enumerate(zip(module.members, scores, strict=True)):
            if score < self._best.get(member.name, math.inf) and module.guard.going_on(number):
                self._best[member.name] = score
                self._save(trainer, member, BEST)
            self._save(trainer, member, LAST)
        self._log(trainer, pl_module, {k: module.figures[k] for k in ("val/loss", "val/agreement")})

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save what training ended with."""
        if not _writes(trainer):
            return
        module = _population(pl_module)
        module.take_back()
        for member in module.members:
            self._save(trainer, member, LAST)
        self._close()

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Share out the results of the closed loop."""
        folder = folder_of(trainer)
        if _writes(trainer) and folder is not None and (folder / "summary.json").is_file():
            share_out(folder, {member.name for member in _population(pl_module).members})

    def on_exception(self, trainer: pl.Trainer, *_: Any) -> None:
        """Write the curves as far as they are."""
        self._close()

    def _close(self) -> None:
        for curves in self._curves.values():
            curves.close()
        self._curves = {}

    def _log(
        self, trainer: pl.Trainer, module: pl.LightningModule, figures: Mapping[str, list[float]]
    ) -> None:
        members = _population(module).members
        for name, values in figures.items():
            for member, value in zip(members, values, strict=True):
                if member.name in self._curves:
                    self._curves[member.name].add_scalar(name, value, trainer.global_step)

    def _save(self, trainer: pl.Trainer, member: Member, name: str) -> None:
        folder = member_folder(trainer, member.name)
        state = {f"policy.{key}": value for key, value in member.policy.state_dict().items()}
        check_finite(state, f"member {member.name}")
        content = {
            "epoch": trainer.current_epoch,
            "global_step": trainer.global_step,
            "pytorch-lightning_version": lightning.__version__,
            "state_dict": {key: value.detach().clone() for key, value in state.items()},
            "hyper_parameters": dict(member.module.hparams),
        }
        member.module.on_save_checkpoint(content)
        write_checkpoint(content, folder / FOLDER / name)


def member_folder(trainer: pl.Trainer, name: str) -> Path:
    """The run folder of a member."""
    return (folder_of(trainer) or Path(trainer.default_root_dir)) / MEMBERS / name


def share_out(folder: Path, names: set[str]) -> None:
    """Give each member its part of the results of a population.

    Args:
        folder: of the population, with `results.jsonl`, `references.jsonl` and `summary.json`.
        names: of the members.
    """
    rows = read_results(folder)
    references = folder / REFERENCES
    for summary in Summary.read(folder).all:
        if summary.name not in names:
            continue
        own = folder / MEMBERS / summary.name
        lines = [{**row, "policy": POLICY} for row in rows if row["policy"] == summary.name]
        rewrite_results(own / "results.jsonl", lines)
        if references.is_file():
            write_whole(own / REFERENCES, references.read_bytes())
        summary.named(POLICY).write(own / "summary.json")


def _writes(trainer: pl.Trainer) -> bool:
    return trainer.is_global_zero and not trainer.fast_dev_run  # type: ignore[attr-defined]


def _population(module: pl.LightningModule) -> PopulationModule:
    assert isinstance(module, PopulationModule)
    return module


def _source(trainer: pl.Trainer, name: str) -> Path:
    """The checkpoints of a member in the run that this one goes on with."""
    return Path(str(trainer.ckpt_path)).parent.parent / MEMBERS / name / FOLDER


def _take_along(source: Path, target: Path) -> None:
    for name in (INITIAL, BEST):
        if source.resolve() != target.resolve() and (source / name).is_file():
            write_whole(target / name, (source / name).read_bytes())
