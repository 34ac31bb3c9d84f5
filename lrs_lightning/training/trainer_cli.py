"""`fit`, `validate`, `test`, `predict`: LightningCLI with our defaults, and errors that are sentences."""

from __future__ import annotations

import re
from typing import Any, NoReturn

from lightning.pytorch import Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback

from lrs_lightning.errors import ArgumentError, did_you_mean
from lrs_lightning.training.datamodule import ExpertTrajectories
from lrs_lightning.training.module import ImitationModule


class Parser(LightningArgumentParser):
    """A parser that names the nearest key and raises instead of printing usage and exiting."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **kwargs})

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise one sentence."""
        raise ArgumentError(self._sentence(message)) from ex

    def _sentence(self, message: str) -> str:
        unknown = re.search(r"(?:Unrecognized arguments|Key) ?:? '?(?:--)?([\w.]+)", message)
        known = [action.dest for action in self._actions if action.dest]
        hint = did_you_mean(unknown[1], known) if unknown and unknown[1] not in known else ""
        return " ".join(message.split()) + (f" {hint.lstrip(':. ')}" if len(hint) > 1 else "")


class TrainerCLI(LightningCLI):
    """The training verbs; `arguments` begin with the verb."""

    def __init__(self, arguments: list[str]) -> None:
        super().__init__(
            ImitationModule,
            ExpertTrajectories,
            save_config_callback=SaveConfigCallback,
            # Training on in the same folder is no accident: it has the checkpoints to go on from.
            save_config_kwargs={"overwrite": True},
            seed_everything_default=0,
            parser_class=Parser,
            auto_configure_optimizers=False,
            args=arguments,
        )
