"""The recurrent matrices while they are trained: radius, norm and ranks, epoch by epoch."""

from __future__ import annotations

import math
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from lrs_lightning.analysis.dynamics import DynamicsOptions, dynamics
from lrs_lightning.analysis.spectra import spectral_norm, spectral_radius
from lrs_lightning.analysis.subject import Subject
from lrs_lightning.analysis.uneven import jacobians_at
from lrs_lightning.analysis.weights import compare_matrices, gate_names, recurrent_matrices
from lrs_lightning.data.windows import WindowBatch
from lrs_lightning.errors import ArgumentError, LrsError
from lrs_lightning.rollout.torch_policy import torch_threads
from lrs_lightning.training.unrolling import holds_features

PREFIX = "recurrent"
_WINDOWS = 4  # held-out windows along which Jacobians are taken, at two steps of each
_PREFIXES = {"trained": "", "change": "change_"}


class SpectrumMonitor(pl.Callback):
    """Logs what becomes of the recurrent matrices, and of the Jacobian along held-out windows.

    Per epoch and gate, `recurrent/<quantity>/<gate>`: radius, norm, stable and effective rank of
    W_rec, and of ΔW, what training has added to it; `recurrent/jacobian/radius` and `norm`, means
    along the same few held-out windows, each step as long as it was recorded. Policies without
    memory log nothing.

    Which epochs are looked at hangs on their numbers alone, never on a clock or on restarts: the
    first, the last, and between them every `every_n_epochs`th, or fewer where that were more than
    `looks`. So a run logs the same each time, also when it was cut off and went on.

    Args:
        every_n_epochs: epochs between two looks; 0 for none.
        looks: about how many there are at most in a training, however many its epochs.

    Raises:
        ArgumentError: a number of epochs below 0, or of looks below 1.
    """

    def __init__(self, every_n_epochs: int = 1, looks: int = 20) -> None:
        super().__init__()
        if every_n_epochs < 0 or looks < 1:
            raise ArgumentError(
                f"spectrum.every_n_epochs is {every_n_epochs} and spectrum.looks {looks}: give at "
                "least 0 and 1"
            )
        self.every_n_epochs, self.looks = every_n_epochs, looks
        self._initial: list[Tensor] | None = None
        self._batch: WindowBatch | None = None
        self._watching = False

    def state_dict(self) -> dict[str, Any]:
        """The initial matrices, so that ΔW goes on after a restart."""
        return {"initial": self._initial}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take them back."""
        self._initial = state_dict.get("initial")

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the initial matrices, and a few held-out windows."""
        core = _core(pl_module)
        self._watching = bool(core is not None and self.every_n_epochs and trainer.is_global_zero)
        if not self._watching:
            return
        # Of a run that goes on without them the initial matrices are not known: no ΔW then.
        if self._initial is None and trainer.global_step == 0:
            self._initial = recurrent_matrices(core)
        loader: Any = trainer.datamodule.val_dataloader()  # type: ignore[attr-defined]
        batch = next(iter(loader), None)
        self._batch = None if batch is None else _first(batch, _WINDOWS)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Look, where an epoch is due."""
        if not (self._watching and self._due(trainer)):
            return
        try:
            # Matrices of some dozens of units gain nothing from a second thread, and wait for it.
            with torch_threads(1):
                found = self._look(_core(pl_module), pl_module)
        except LrsError:  # weights that are no numbers any more: the guard says so
            return
        pl_module.log_dict(found, rank_zero_only=True)

    def _due(self, trainer: pl.Trainer) -> bool:
        updates = trainer.estimated_stepping_batches
        if trainer.global_step >= updates:
            return True
        per_epoch = math.ceil(trainer.num_training_batches / trainer.accumulate_grad_batches)
        stride = self.every_n_epochs
        if math.isfinite(updates):
            stride = max(stride, math.ceil(updates / per_epoch / self.looks))
        epoch = trainer.current_epoch + 1
        return epoch == 1 or epoch % stride == 0

    def _look(self, core: torch.nn.Module, module: Any) -> dict[str, float]:
        found: dict[str, float] = {}
        layers = compare_matrices(recurrent_matrices(core), self._initial, tuple(_PREFIXES))
        for depth, states in enumerate(layers):
            layer = "" if core.num_layers == 1 else f"layer_{depth}/"
            for state, prefix in ((s, _PREFIXES[s]) for s in states):
                for g, gate in enumerate(gate_names(core)):
                    for quantity in ("radius", "norm", "stable_rank", "effective_rank"):
                        name = f"{PREFIX}/{prefix}{quantity}/{layer}{gate}"
                        found[name] = float(getattr(states[state], quantity)[g])
        return found | self._jacobians(module)

    def _jacobians(self, module: Any) -> dict[str, float]:
        if self._batch is None:
            return {}
        subject = Subject.of_policy(module.policy)
        seen = self._batch.observations.cpu()
        if holds_features(module.policy, seen):
            features = seen.transpose(0, 1).double()  # (T, B, F)
        else:
            features, _ = subject.features(list(seen.numpy()))
        spans = module.timespans(self._batch)
        steps = features.shape[0]
        first, stride = steps // 4, max(1, steps // 2)
        if spans is None:
            options = DynamicsOptions(
                burn_in=first, every=stride, exponents=0, windows=1, threads=1, lags=steps + 1
            )
            replay = subject.recurrence.replay(features)
            measured = dynamics(subject.recurrence, replay, options=options)
            radius, norm = measured.radius, measured.norm
        else:
            looked_at = range(first, steps, stride)
            found = jacobians_at(subject.layer, features, spans.cpu().mT, looked_at)
            radius, norm = spectral_radius(found), spectral_norm(found)
        return {
            f"{PREFIX}/jacobian/radius": float(radius.mean()),
            f"{PREFIX}/jacobian/norm": float(norm.mean()),
        }


def _first(batch: WindowBatch, count: int) -> WindowBatch:
    """The first windows of a batch."""
    spans = batch.timespans
    return WindowBatch(
        batch.observations[:count].clone(),
        batch.labels[:count].clone(),
        batch.loss_mask[:count].clone(),
        None if spans is None else spans[:count].clone(),
    )


def _core(module: pl.LightningModule) -> Any:
    """The recurrent layer of the policy in training; None for a policy without memory."""
    policy: Any = getattr(module, "policy", None)
    core = getattr(policy, "core", None)
    return core if hasattr(core, "recurrent_weight") else None
