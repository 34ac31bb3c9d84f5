"""One line before training: which backend runs the recurrence, and why."""

from __future__ import annotations

import lightning.pytorch as pl
from lightning.pytorch.utilities import rank_zero_only
from rich.console import Console

from lrs_lightning.nn.backends import backends, in_words


class BackendLine(pl.Callback):
    """Says it also where progress is not wanted: what runs decides time and last digits."""

    @rank_zero_only
    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print the line, once the module is where it will be trained."""
        if told := in_words(backends(pl_module)):
            Console().print(f"recurrence: {told}", soft_wrap=True, highlight=False, markup=False)
