"""`fit`, `validate`, `test`, `predict`: LightningCLI with our defaults, errors as sentences."""

from __future__ import annotations

import re
from typing import Any, NoReturn

from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from lrs_lightning.errors import ArgumentError, did_you_mean
from lrs_lightning.training.callbacks.films import Films
from lrs_lightning.training.callbacks.progress import RunProgress
from lrs_lightning.training.callbacks.shifted_evaluation import ShiftedEvaluation
from lrs_lightning.training.datamodule import ExpertTrajectories, env_of
from lrs_lightning.training.module import ImitationModule
from lrs_lightning.training.policy_arguments import about_choice, old_key, with_classes

VERBS = ("fit", "validate", "test", "predict")


class Parser(LightningArgumentParser):
    """A parser that takes no abbreviations, names the nearest key, and raises one sentence."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **kwargs})

    def parse_object(self, cfg_obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Parse values; a checkpoint's policy has names where the command line has classes."""
        return super().parse_object(with_classes(cfg_obj), *args, **kwargs)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise `ArgumentError`; the nearest known key is added for an unknown one."""
        parser = getattr(ex, "subcommand_parser", None) or self
        keys = [action.dest for action in parser._actions if action.dest]
        raise ArgumentError(one_sentence(message, keys)) from ex


def one_sentence(message: str, keys: list[str]) -> str:
    """What the parser says, on one line and without its lists of types, with a hint for typos."""
    text = re.sub(r"\s+", " ", message.replace("\n- ", "; ")).strip()
    if sentence := about_choice(text, keys):
        return sentence
    if "unknown key" in text:  # said by the parser of a choice, which knows its keys
        return re.sub(r'Parser key "([\w.]+)": ', r"\1: ", text)
    unknown = re.search(r"(?:[Uu]nrecognized arguments: --|[Kk]ey '|option ')([\w.]+)", text)
    if unknown and unknown[1] not in keys:
        if sentence := old_key(unknown[1]):
            return sentence
        hint = did_you_mean(unknown[1], keys)
        return f"unknown key {unknown[1]!r}{hint} (`--help` lists them all)"
    return text


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
                "callbacks": [_checkpoints(), RunProgress()],
            },
            seed_everything_default=0,
            parser_class=Parser,
            parser_kwargs={verb: {"default_env": False} for verb in VERBS},
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

    def before_instantiate_classes(self) -> None:
        """Put the run into `runs/<task>/version_<n>` where no other name was asked for."""
        config = self.config[self.subcommand]
        settings = getattr(config.trainer.logger, "init_args", None)
        if settings is not None and getattr(settings, "name", "") is None:
            settings.name = env_of(config.data.env, config.data.path).replace("/", "_")


def _checkpoints() -> ModelCheckpoint:
    """`checkpoints/last.ckpt`, and the best by validation loss."""
    return ModelCheckpoint(filename="best", monitor="val/loss", save_last=True, save_top_k=1)
