"""`fit`, `validate`, `test`, `predict`: LightningCLI with our defaults, errors as sentences."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NoReturn

from lightning.pytorch import Callback, Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from lrs_lightning.errors import ArgumentError, DataError, LrsError, did_you_mean
from lrs_lightning.training.callbacks.checkpoints import Checkpoints
from lrs_lightning.training.callbacks.films import Films
from lrs_lightning.training.callbacks.finite_guard import FiniteGuard
from lrs_lightning.training.callbacks.progress import RunProgress
from lrs_lightning.training.callbacks.shifted_evaluation import ShiftedEvaluation
from lrs_lightning.training.checkpoint_files import find_in_runs, load_checkpoint
from lrs_lightning.training.checkpoint_io import SealedCheckpointIO
from lrs_lightning.training.datamodule import ExpertTrajectories, env_of
from lrs_lightning.training.fit_loop import FitLoop
from lrs_lightning.training.loading import policy_of
from lrs_lightning.training.module import ImitationModule
from lrs_lightning.training.policy_arguments import about_choice, old_key, with_classes
from lrs_lightning.training.run_folder import only_if_begun

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
        skip |= {"weights_only"}  # always
        return dict.fromkeys(VERBS, skip)

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add our callbacks, and a logger that names runs after their task."""
        parser.add_lightning_class_args(Checkpoints, "checkpoint")
        parser.add_lightning_class_args(FiniteGuard, "guard")
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
            settings.name = _run_name(config)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Lightning's trainer with our files and a loop that ends what it began."""
        settings = self._get(self.config_init, "trainer")
        plugins = settings.get("plugins") or []
        plugins = plugins if isinstance(plugins, list) else [plugins]
        trainer = super().instantiate_trainer(plugins=[*plugins, SealedCheckpointIO()], **kwargs)
        trainer.fit_loop = FitLoop.replace(trainer.fit_loop)
        return trainer

    def _instantiate_trainer(self, config: dict[str, Any], callbacks: list[Callback]) -> Trainer:
        """Leave out what was switched off by Lightning's own words."""
        if config.get("enable_checkpointing") is False:
            callbacks = [c for c in callbacks if not isinstance(c, Checkpoints)]
        if config.get("enable_progress_bar") is not False:
            callbacks = [*callbacks, RunProgress()]
        return super()._instantiate_trainer(config, callbacks)

    def _parse_ckpt_path(self) -> None:
        """Find the checkpoint, read it through our one door, and build what it says."""
        verb = self.config.get("subcommand")
        if not verb or not self.config[verb].get("ckpt_path"):
            return
        config = self.config[verb]
        path = config.ckpt_path
        if path in ("last", "best"):
            path = find_in_runs(_runs(config), path)
            if verb == "fit":
                config.trainer.logger.init_args.version = path.parent.parent.name
        checkpoint, file = load_checkpoint(path)
        policy_of(checkpoint, file)  # whatever is wrong with it is told here, in a sentence
        config.ckpt_path = str(file)
        asked = config.model.clone()
        default = self._parser(verb).get_defaults().model
        model = {verb: {"model": checkpoint["hyper_parameters"]}}
        self.config = self.parser.parse_object(model, self.config)
        _refuse_changes(asked, default, self.config[verb].model)

    def _run_subcommand(self, subcommand: str) -> None:
        """Run the verb; a run that is refused leaves no folder."""
        folder = self.trainer.log_dir
        with only_if_begun(Path(folder) if folder else None):
            try:
                super()._run_subcommand(subcommand)
            except LrsError:
                raise
            except Exception as error:
                checkpoints: Any = self.trainer.checkpoint_callback
                path = self.config[subcommand].get("ckpt_path")
                if path is None or checkpoints is None or checkpoints.begun:
                    raise
                reason = " ".join(str(error).split())[:300]
                raise DataError(
                    f"{path} does not fit this run ({type(error).__name__}: {reason})"
                ) from error


def _run_name(config: Any) -> str:
    return env_of(config.data.env, config.data.path).replace("/", "_")


def _runs(config: Any) -> Path:
    """The folder of the runs that `last` and `best` are looked for in, or the one run's."""
    settings = getattr(config.trainer.logger, "init_args", None)
    if settings is None or "save_dir" not in settings:
        raise ArgumentError("--ckpt_path=last needs a logger with a folder: give a path instead")
    name = settings.get("name")
    runs = Path(settings.save_dir) / (_run_name(config) if name is None else name)
    version = settings.get("version")
    if version is None:
        return runs
    return runs / (version if isinstance(version, str) else f"version_{version}")


def _refuse_changes(asked: Any, default: Any, trained: Any) -> None:
    """What the command line or a file says of the model must not be overruled in silence.

    Raises:
        ArgumentError: a key was set to something else than the checkpoint was trained with.
    """
    then, usual = dict(trained.items()), dict(default.items())
    for name, value in asked.items():
        if name in then and value != usual.get(name) and value != then[name]:
            option = f"model.{name.replace('.init_args', '')}"
            raise ArgumentError(
                f"the checkpoint was trained with {option}={then[name]} and {value} is asked for: "
                f"leave --{option} away, or train anew without --ckpt_path"
            )
