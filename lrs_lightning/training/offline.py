"""What can be said of a policy that nobody can play: its errors on held-out episodes."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch.nn.functional import cross_entropy

from lrs_lightning.documents import write_json
from lrs_lightning.report.offline_page import OFFLINE, terminal_table, write_offline_report
from lrs_lightning.rollout.torch_policy import evaluating
from lrs_lightning.training.playable import playable
from lrs_lightning.training.run_folder import folder_of

Array = NDArray[Any]


def report_offline(trainer: pl.Trainer, module: pl.LightningModule, reason: str) -> None:
    """Print the errors on held-out episodes, and write `offline.json` and `report.html`.

    Args:
        trainer: its data module has the episodes.
        module: a module of one policy; of others the loss alone is known.
        reason: why there is no closed loop.
    """
    console = Console()
    metrics = offline_metrics(trainer, module) | {"reason": reason}
    console.print(terminal_table(metrics))
    console.print(f"no closed loop: {reason}", soft_wrap=True, highlight=False)
    if folder := folder_of(trainer):
        write_json(folder / OFFLINE, metrics)
        page = write_offline_report([folder], folder / "report.html")
        console.print(f"run folder: {folder}, report: {page}", soft_wrap=True, highlight=False)


def offline_metrics(trainer: pl.Trainer, module: pl.LightningModule) -> dict[str, Any]:
    """Errors of the actions on held-out episodes, each step once, burn-in left out.

    Returns:
        Plain values: `env`, `steps`, `loss`, and for each action one number for each of `columns`:
        of a box mean absolute and root-mean-square error and R2, of discrete actions how often it
        is right, how often it comes, and how often it is chosen.
    """
    _, task = playable(module)
    wanted, done = _collected(trainer, module)
    about = {"env": task.env, "steps": len(wanted)}
    if task.actions is None:
        return about | _of_box(wanted, done)
    return about | _of_discrete(wanted - task.action_start, done)


def _collected(trainer: pl.Trainer, module: Any) -> tuple[Array, Array]:
    """Labels and outputs of all steps that count, `(L, ...)`."""
    data: Any = trainer.datamodule  # type: ignore[attr-defined]
    labels, outputs = [], []
    with evaluating(module), torch.no_grad():
        for number, batch in enumerate(data.val_dataloader()):
            moved = module.transfer_batch_to_device(batch, module.device, 0)
            out = module.predict_step(moved, number)
            counted = moved.loss_mask > 0
            labels.append(moved.labels[counted].cpu().numpy())
            outputs.append(out[counted].float().cpu().numpy())
    return np.concatenate(labels), np.concatenate(outputs)


def _of_box(wanted: Array, done: Array) -> dict[str, Any]:
    error = done.astype(np.float64) - wanted
    squared, spread = (error**2).mean(0), wanted.astype(np.float64).var(0)
    share = [None if s == 0 else float(1 - e / s) for e, s in zip(squared, spread, strict=True)]
    columns = np.abs(error).mean(0).tolist(), np.sqrt(squared).tolist(), share
    return {
        "loss": float(squared.mean()),
        "columns": ["mean error", "RMS error", "R2"],
        "actions": {str(i): list(values) for i, values in enumerate(zip(*columns, strict=True))},
    }


def _of_discrete(wanted: Array, logits: Array) -> dict[str, Any]:
    chosen = logits.argmax(-1)
    loss = cross_entropy(torch.from_numpy(logits), torch.from_numpy(wanted).long())
    actions: dict[str, list[float | None]] = {}
    for action in range(logits.shape[-1]):
        meant = wanted == action
        right = float((chosen[meant] == action).mean()) if meant.any() else None
        actions[str(action)] = [right, float(meant.mean()), float((chosen == action).mean())]
    actions["all"] = [float((chosen == wanted).mean()), 1.0, 1.0]
    return {
        "loss": float(loss),
        "columns": ["right", "share of labels", "share of choices"],
        "actions": actions,
    }
