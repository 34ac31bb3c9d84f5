"""`fit`, `validate`, `test`, `predict`: LightningCLI with our defaults, errors as sentences."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import ProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from lrs_lightning.data.noise_schedule import schedule_for
from lrs_lightning.errors import ArgumentError, DataError, LrsError
from lrs_lightning.files import file_name, naming
from lrs_lightning.options.parser import Parser
from lrs_lightning.training.callbacks.backend_line import BackendLine
from lrs_lightning.training.callbacks.checkpoints import Checkpoints
from lrs_lightning.training.callbacks.films import Films
from lrs_lightning.training.callbacks.finite_guard import FiniteGuard
from lrs_lightning.training.callbacks.predictions import Predictions
from lrs_lightning.training.callbacks.progress import RunProgress
from lrs_lightning.training.callbacks.saved_config import SavedConfig
from lrs_lightning.training.callbacks.shifted_evaluation import ShiftedEvaluation
from lrs_lightning.training.callbacks.spectrum import SpectrumMonitor
from lrs_lightning.training.callbacks.throughput import Throughput
from lrs_lightning.training.checkpoint_files import find_in_runs, load_checkpoint
from lrs_lightning.training.checkpoint_io import SealedCheckpointIO
from lrs_lightning.training.dagger.callback import DAggerRounds
from lrs_lightning.training.dagger.callback import declared_in as dagger_in
from lrs_lightning.training.dagger.datamodule import GrowingTrajectories
from lrs_lightning.training.dagger.section import DAgger
from lrs_lightning.training.datamodule import ExpertTrajectories, env_of
from lrs_lightning.training.fit_loop import FitLoop
from lrs_lightning.training.frozen_source import fill_in_section
from lrs_lightning.training.judged_run import joined, needs_a_policy, run_of
from lrs_lightning.training.loading import policy_of
from lrs_lightning.training.module import ImitationModule
from lrs_lightning.training.policy_arguments import about_choice, old_key, with_classes
from lrs_lightning.training.population.assembly import Assembly, assemble, declared_in
from lrs_lightning.training.population.module import KEY as POPULATION
from lrs_lightning.training.population.section import Population
from lrs_lightning.training.run_folder import folder_of, own_folder

RUNS = "runs"
"""Where runs are put, unless a folder is named."""


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
        self._verb = arguments[0]
        self.population: Assembly | None = None
        super().__init__(
            ImitationModule,
            ExpertTrajectories,
            save_config_callback=SavedConfig,
            save_config_kwargs={"save_to_log_dir": False},  # which is Lightning's own way
            trainer_defaults={
                "max_steps": 4000,
                "max_epochs": -1,
                "gradient_clip_val": 1.0,
                "num_sanity_val_steps": 0,
                "log_every_n_steps": 1,  # figures are logged by epoch, and an epoch may be short
                "enable_model_summary": False,
            },
            seed_everything_default=0,
            parser_class=TrainerParser,
            parser_kwargs={"prog": "python -m lrs_lightning"},
            auto_configure_optimizers=False,
            args=arguments,
        )

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]
        """The verb that was asked for, and its arguments that are not for the command line.

        Lightning makes a parser for each of its four, which takes half a second a start.
        """
        skip = {"model", "datamodule", "dataloaders", "train_dataloaders", "val_dataloaders"}
        skip |= {"weights_only"}  # always
        return {self._verb: skip}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add our callbacks, and a logger that names runs after their task."""
        parser.add_argument(
            "--quiet", action="store_true", help="show no progress, only what came out"
        )
        parser.add_argument(
            "--population",
            type=Population | None,
            default=None,
            help="members that are trained side by side instead of one policy: docs/populations.md",
        )
        parser.add_argument(
            "--dagger",
            type=DAgger | None,
            default=None,
            help="rounds in which the student acts and the expert labels: docs/dagger.md",
        )
        parser.add_lightning_class_args(Checkpoints, "checkpoint")
        parser.add_lightning_class_args(FiniteGuard, "guard")
        parser.add_lightning_class_args(ShiftedEvaluation, "evaluation")
        parser.add_lightning_class_args(Films, "films")
        parser.add_lightning_class_args(SpectrumMonitor, "spectrum")
        parser.set_defaults(
            {
                "trainer.logger": {
                    "class_path": "lightning.pytorch.loggers.TensorBoardLogger",
                    "init_args": {"save_dir": RUNS, "name": None, "default_hp_metric": False},
                }
            }
        )

    def before_instantiate_classes(self) -> None:
        """Refuse to judge untrained weights; put the run into `runs/<task>/version_<n>`.

        Whoever judges a run joins it, unless a folder is named.
        """
        config = self.config[self.subcommand]
        if self.subcommand != "fit" and config.ckpt_path is None:
            raise needs_a_policy(str(self.subcommand))
        if config.quiet:
            config.trainer.enable_progress_bar = False
        if self.subcommand == "fit" and config.ckpt_path is None:
            fill_in_section(config.model.policy, of_members=config.population is not None)
        if config.data.get("path") is None and "noise" in config.data:
            # What it means here stands in the saved configuration, where another run may be told.
            config.data.noise = schedule_for(_env(config), config.data.noise)
        settings = getattr(config.trainer.logger, "init_args", None)
        if settings is not None and getattr(settings, "name", "") is None:
            usual = (settings.get("save_dir"), settings.get("version")) == (RUNS, None)
            run = run_of(config.ckpt_path) if self.subcommand != "fit" and usual else None
            for key, value in (joined(run) if run else {"name": _run_name(config)}).items():
                settings[key] = value

    @property
    def stopped(self) -> dict[str, str]:
        """Members of a population that have stopped, and why."""
        return {} if self.population is None else self.population.module.guard.stopped

    def instantiate_classes(self) -> None:
        """Lightning's parts, with those of a population in place of a single policy's."""
        super().instantiate_classes()
        if self.population is not None:
            self.model, self.datamodule = self.population.module, self.population.data
        elif self.config[self.subcommand].get("dagger") is not None:
            self.datamodule = GrowingTrajectories(**self.config[self.subcommand].data.as_dict())

    def with_sections(self, callbacks: list[Callback]) -> list[Callback]:
        """What `population` and `dagger` declare is made; the callbacks that it needs."""
        run = self.config[self.subcommand]
        if self.subcommand == "fit" and run.population is not None:
            plain = yaml.safe_load(self._parser("fit").dump(run, skip_none=False))
            self.population = assemble(plain, self.model, callbacks)
            callbacks = self.population.callbacks
        if self.subcommand == "fit" and run.dagger is not None:
            section = DAgger(**run.dagger.as_dict())
            section.check()
            callbacks = [*callbacks, DAggerRounds(section)]
        return callbacks

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
        given = config.get("callbacks") or []
        given = given if isinstance(given, list) else [given]
        if config.get("enable_progress_bar") is not False and not any(
            isinstance(callback, ProgressBar) for callback in given
        ):
            callbacks = [*callbacks, RunProgress()]
        callbacks = self.with_sections(callbacks)
        callbacks = [*callbacks, BackendLine(), Predictions(), Throughput()]
        try:
            return super()._instantiate_trainer(config, callbacks)
        except LrsError:
            raise
        except (MisconfigurationException, ValueError, TypeError) as error:
            reason = " ".join(str(error).split()).rstrip(".")
            raise ArgumentError(
                f"the trainer refuses its options (--trainer...): {reason}"
            ) from error

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
        if verb == "fit" and POPULATION in checkpoint:
            asked_of = None if config.population is None else config.population.as_dict()
            trained = declared_in(checkpoint, asked_of)
        else:
            policy_of(checkpoint, file)  # whatever is wrong with it is told here, in a sentence
            trained = {"model": checkpoint["hyper_parameters"]}
            if config.population is not None and verb == "fit":
                raise ArgumentError(f"{file} is of a single policy, and of no population")
        if verb == "fit":
            rounds = None if config.dagger is None else config.dagger.as_dict()
            trained |= dagger_in(checkpoint, rounds)
        config.ckpt_path = str(file)
        asked = config.model.clone()
        default = self._parser(verb).get_defaults().model
        self.config = self.parser.parse_object({verb: trained}, self.config)
        _refuse_changes(asked, default, self.config[verb].model)

    def _run_subcommand(self, subcommand: str) -> None:
        """Run the verb, in a folder of its own; a run that is refused leaves none."""
        with own_folder(self.trainer):
            try:
                with naming(folder_of(self.trainer) or Path.cwd()):
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
    return file_name(_env(config).replace("/", "_"))


def _env(config: Any) -> str:
    data = config.data
    return env_of(data.env, data.path, data.get("env_kwargs"), data.get("wrappers"))


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
