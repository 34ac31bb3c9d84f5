"""`fit`, `validate`, `test`, `predict`: LightningCLI with our defaults, errors as sentences."""

from __future__ import annotations

import re
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint, ProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from lrs_lightning.errors import ArgumentError
from lrs_lightning.options.parser import Parser
from lrs_lightning.training.callbacks.films import Films
from lrs_lightning.training.callbacks.predictions import Predictions
from lrs_lightning.training.callbacks.progress import RunProgress
from lrs_lightning.training.callbacks.shifted_evaluation import ShiftedEvaluation
from lrs_lightning.training.datamodule import ExpertTrajectories, env_of
from lrs_lightning.training.loading import find_checkpoint
from lrs_lightning.training.module import ImitationModule
from lrs_lightning.training.policy_arguments import about_choice, old_key, with_classes

VERBS = ("fit", "validate", "test", "predict")
_LIGHTNINGS = ("best", "last", "hpc")  # words that Lightning makes a path of


class TrainerParser(Parser, LightningArgumentParser):
    """The parser of every command, which can add Lightning's classes as well."""

    def parse_object(self, cfg_obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Parse values; a checkpoint's policy has names where the command line has classes."""
        return super().parse_object(with_classes(cfg_obj), *args, **kwargs)

    def reword(self, message: str) -> str | None:
        """Know the choices of a policy, and its keys of old."""
        keys = [action.dest for action in self._actions if action.dest]
        text = " ".join(message.split())
        if sentence := about_choice(text, keys):
            return sentence
        unknown = re.search(r"(?:[Uu]nrecognized arguments: --|[Kk]ey '|option ')([\w.]+)", text)
        return old_key(unknown[1]) if unknown and unknown[1] not in keys else None


class TrainerCLI(LightningCLI):
    """The training verbs.

    Args:
        arguments: the words of the command line, the verb first.
    """

    def __init__(self, arguments: list[str]) -> None:
        super().__init__(
            ImitationModule,
            ExpertTrajectories,
            # Training on in the same folder is no accident: its checkpoints are for that.
            save_config_kwargs={"overwrite": True},
            trainer_defaults={
                "max_steps": 4000,
                "max_epochs": -1,
                "gradient_clip_val": 1.0,
                "num_sanity_val_steps": 0,
                "log_every_n_steps": 1,  # figures are logged by epoch, and an epoch may be short
                "enable_model_summary": False,
                "callbacks": [_checkpoints(), Predictions(), RunProgress()],
            },
            seed_everything_default=0,
            parser_class=TrainerParser,
            parser_kwargs={"prog": "python -m lrs_lightning"},
            auto_configure_optimizers=False,
            args=arguments,
        )

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Lightning's four verbs and the arguments of theirs that are not for the command line."""
        skip = {"model", "datamodule", "dataloaders", "train_dataloaders", "val_dataloaders"}
        return dict.fromkeys(VERBS, skip)

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the closed-loop evaluation, films, and a logger that names runs after their task."""
        parser.add_argument(
            "--quiet", action="store_true", help="show no progress, only what came out"
        )
        parser.add_lightning_class_args(ShiftedEvaluation, "evaluation")
        parser.add_lightning_class_args(Films, "films")
        parser.set_defaults(
            {
                "trainer.logger": {
                    "class_path": "lightning.pytorch.loggers.TensorBoardLogger",
                    "init_args": {"save_dir": "runs", "name": None, "default_hp_metric": False},
                }
            }
        )

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Leave our progress out where it is switched off, or where the user has chosen a bar."""
        trainer = self.config_init[self.subcommand].trainer
        chosen = trainer.callbacks if isinstance(trainer.callbacks, list) else [trainer.callbacks]
        if trainer.enable_progress_bar is False or any(isinstance(c, ProgressBar) for c in chosen):
            ours = self.trainer_defaults["callbacks"]
            self.trainer_defaults["callbacks"] = [c for c in ours if type(c) is not RunProgress]
        return super().instantiate_trainer(**kwargs)

    def before_instantiate_classes(self) -> None:
        """Refuse to judge untrained weights; put the run into `runs/<task>/version_<n>`."""
        config = self.config[self.subcommand]
        if self.subcommand != "fit" and config.ckpt_path is None:
            raise ArgumentError(
                f"{self.subcommand} needs a trained policy: give --ckpt_path, a run folder or a "
                ".ckpt file, e.g. runs/HalfCheetah-v5/version_0"
            )
        if config.ckpt_path not in (None, *_LIGHTNINGS):
            config.ckpt_path = str(find_checkpoint(config.ckpt_path))
        if config.quiet:
            config.trainer.enable_progress_bar = False
        settings = getattr(config.trainer.logger, "init_args", None)
        if settings is not None and getattr(settings, "name", "") is None:
            settings.name = env_of(config.data.env, config.data.path).replace("/", "_")


def _checkpoints() -> ModelCheckpoint:
    """`checkpoints/last.ckpt`, and the best by validation loss."""
    return ModelCheckpoint(filename="best", monitor="val/loss", save_last=True, save_top_k=1)
