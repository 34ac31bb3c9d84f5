"""What of a batch made a loss no number: named by file, episode, step and channel."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from lrs_lightning.training.datamodule import ExpertTrajectories

# Where a squared error, or the norm of a gradient, leaves float32.
_LARGEST = math.sqrt(torch.finfo(torch.float32).max) / 10

Place = Callable[[int, int], str]
"""Window and step of a batch -> where in the store they come from."""


def reason_in_training(trainer: pl.Trainer, batch: Any, batch_idx: int) -> str:
    """Why an update could not be made, as far as its batches tell.

    Args:
        trainer: in `on_train_batch_end`.
        batch: the last one of the update.
        batch_idx: its number in the epoch.
    """
    last, data = trainer.fit_loop.total_batch_idx, _store_data(trainer)
    if data is not None:  # of several batches that make one update, the others too
        for number in range(last - batch_idx % trainer.accumulate_grad_batches, last):
            fault = fault_of(data.train_batch(number), _place(data, number))
            if fault:
                return f"of its batch {number} the {fault}"
    fault = fault_of(batch, _place(data, last))
    return f"its {fault}" if fault else _diverged("the batch itself is")


def reason_in_validation(trainer: pl.Trainer) -> str:
    """Why a validation loss is not finite, as far as its batches tell."""
    data, loaders = _store_data(trainer), trainer.val_dataloaders
    for number, batch in enumerate(loaders if loaders is not None else ()):
        fault = fault_of(batch, _place(data, number, held_out=True))
        if fault:
            return f"batch {number}: its {fault}"
    return _diverged("its batches are")


def fault_of(batch: Any, place: Place | None = None) -> str | None:
    """Which part of a batch of windows is not finite or too large to be squared, and where first.

    Args:
        batch: with `observations` and `labels`, `(B, T, ...)`.
        place: says where they come from.

    Returns:
        The end of a sentence that began with "its"; None where all is well.
    """
    for name in ("observations", "labels"):
        values = getattr(batch, name, None)
        if not isinstance(values, Tensor) or not values.is_floating_point():
            continue
        if where := _first(~torch.isfinite(values)):
            return f"{name} are not finite, first {_spot(where, place)}"
        if where := _first(values.abs() > _LARGEST):
            return (
                f"{name} are too large to be squared ({values[where]:g}), first "
                f"{_spot(where, place)}"
            )
    return None


def _first(bad: Tensor) -> tuple[int, ...]:
    found = torch.nonzero(bad)
    return tuple(found[0].tolist()) if len(found) else ()


def _spot(where: tuple[int, ...], place: Place | None) -> str:
    window, step, *channel = where
    text = f"in window {window} at step {step}"
    if channel:
        text += f", channel {', '.join(map(str, channel))}"
    return text if place is None else f"{text} ({place(window, step)})"


def _store_data(trainer: pl.Trainer) -> ExpertTrajectories | None:
    """The store's side, where batches can be counted: several processes share them out."""
    data = getattr(trainer, "datamodule", None)
    return data if isinstance(data, ExpertTrajectories) and trainer.world_size == 1 else None


def _place(data: ExpertTrajectories | None, batch: int, held_out: bool = False) -> Place | None:
    if data is None:
        return None
    return lambda window, step: data.place(batch, window, step, held_out)


def _diverged(what: str) -> str:
    return f"{what} finite: the training has diverged, a lower --model.lr may help"
