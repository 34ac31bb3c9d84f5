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
from lrs_lightning.report.offline_page import (
    OFFLINE,
    members_table,
    terminal_table,
    write_offline_report,
)
from lrs_lightning.rollout.torch_policy import evaluating
from lrs_lightning.training.playable import playable
from lrs_lightning.training.run_folder import MEMBERS, POLICY, folder_of

Array = NDArray[Any]


def report_offline(trainer: pl.Trainer, module: pl.LightningModule, reason: str) -> None:
    """Print the errors on held-out episodes, and write `offline.json` and `report.html`.

    Those of a member of a population go into its own run folder; the page of the run has all.

    Args:
        trainer: its data module has the episodes.
        module: a module of one policy or of a population, with `predictions`.
        reason: why there is no closed loop.
    """
    console = Console()
    found = {
        name: {**metrics, "reason": reason}
        for name, metrics in offline_metrics(trainer, module).items()
    }
    alone = list(found) == [POLICY]
    console.print(terminal_table(found[POLICY]) if alone else members_table(found))
    console.print(f"no closed loop: {reason}", soft_wrap=True, highlight=False)
    if run := folder_of(trainer):
        folders = [run if alone else run / MEMBERS / name for name in found]
        for own, metrics in zip(folders, found.values(), strict=True):
            write_json(own / OFFLINE, metrics)
            if not alone:
                write_offline_report([own], own / "report.html")
        page = write_offline_report(folders, run / "report.html")
        console.print(f"run folder: {run}, report: {page}", soft_wrap=True, highlight=False)


def offline_metrics(trainer: pl.Trainer, module: pl.LightningModule) -> dict[str, dict[str, Any]]:
    """Errors of the actions on held-out episodes, each step once, burn-in left out.

    Returns:
        For each policy plain values: `env`, `steps`, `loss`, and for each action one number for
        each of `columns`: of a box mean absolute and root-mean-square error and R2, of discrete
        actions how often it is right, how often it comes, and how often it is chosen.
    """
    _, task = playable(module)
    found = {}
    for name, (wanted, done) in _collected(trainer, module).items():
        if task.actions is None:
            metrics = _of_box(wanted, done)
        else:
            metrics = _of_discrete(wanted - task.action_start, done)
        found[name] = {"env": task.env, "steps": len(wanted), **metrics}
    return found


def _collected(trainer: pl.Trainer, module: Any) -> dict[str, tuple[Array, Array]]:
    """Labels and outputs of all steps that count, `(L, ...)`, of each policy."""
    data: Any = trainer.datamodule  # type: ignore[attr-defined]
    labels: dict[str, list[Array]] = {}
    outputs: dict[str, list[Array]] = {}
    with evaluating(module), torch.no_grad():
        for batch in data.val_dataloader():
            moved = module.transfer_batch_to_device(batch, module.device, 0)
            for name, (own, found) in module.predictions(moved).items():
                counted = own.loss_mask > 0
                labels.setdefault(name, []).append(own.labels[counted].cpu().numpy())
                outputs.setdefault(name, []).append(found[counted].float().cpu().numpy())
    return {name: (np.concatenate(labels[name]), np.concatenate(outputs[name])) for name in labels}


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
