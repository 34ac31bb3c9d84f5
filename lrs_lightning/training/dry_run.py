"""Read a configuration of `fit` as `fit` would, and end before anything is read or written."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from lightning.pytorch import Trainer

from lrs_lightning.training.trainer_cli import TrainerCLI


def check_configuration(content: Mapping[str, Any]) -> None:
    """Refuse what `fit` would refuse before it begins: keys, values, members of a population.

    Whether there is a GPU is not looked at: another machine may be the one that trains.

    Args:
        content: of the configuration, nested as in its file.

    Raises:
        LrsError: the sentence that `fit` would say.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "fit.yaml"
        file.write_text(yaml.safe_dump(dict(content), sort_keys=False), encoding="utf-8")
        parts(f"--config={file}")


def parts(*words: str) -> TrainerCLI:
    """The parts of a `fit` with these words, but for its trainer."""
    with warnings.catch_warnings():
        # Lightning's, since these words are not those that this process was started with.
        warnings.filterwarnings("ignore", ".*args parameter is intended to run from within Python")
        return _Parts(["fit", *words])


class _Parts(TrainerCLI):
    def instantiate_trainer(self, **kwargs: Any) -> Trainer | None:  # type: ignore[override]
        """Make the members, and no trainer, which belongs to the machine."""
        self.with_sections([])
        return None

    def _run_subcommand(self, subcommand: str) -> None:
        """Do nothing."""
