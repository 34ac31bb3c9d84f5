"""How an evaluation is shown: scalars while training, then TensorBoard, the table, the folder."""

from __future__ import annotations

import lightning.pytorch as pl
from lightning.pytorch.loggers import TensorBoardLogger
from rich.console import Console

from lrs_lightning.report.table import overview, table
from lrs_lightning.statistics.summary import Summary
from lrs_lightning.training.run_folder import folder_of

GROUP = "closed_loop"


def log_scalars(module: pl.LightningModule, summary: Summary) -> None:
    """Log each policy's clean return and its share of the expert's; of shifts the returns."""
    for one in summary.all:
        group = f"{GROUP}/{one.name}" if summary.others else GROUP
        clean, *shifted = one.conditions
        if clean["return_mean"] is not None:
            module.log(f"{group}/return", clean["return_mean"], rank_zero_only=True)
        if clean["expert_normalized"] is not None:
            module.log(
                f"{group}/of_expert",
                clean["expert_normalized"],
                prog_bar=not summary.others,
                rank_zero_only=True,
            )
        for condition in shifted:
            if condition["return_mean"] is not None:
                name = f"{group}/shifted/{condition['condition']}"
                module.log(name, condition["return_mean"], rank_zero_only=True)


def present(trainer: pl.Trainer, summary: Summary, step: int | None) -> None:
    """Log scalars and figures to TensorBoard, print the table and the run folder.

    Args:
        trainer: whose logger and folder.
        summary: what was played.
        step: updates of the weights that played; None leaves TensorBoard as it is.
    """
    if step is not None and isinstance(trainer.logger, TensorBoardLogger):
        from lrs_lightning.report.tensorboard import log_summary

        log_summary(trainer.logger.experiment, summary, step)
        trainer.logger.experiment.flush()
    console = Console()
    console.print(overview(summary) if summary.others else table(summary))
    if folder := folder_of(trainer):
        console.print(
            f"run folder: {folder}  (tensorboard --logdir {folder.parent})",
            soft_wrap=True,
            highlight=False,
        )
