"""What a resumed run must share with the one that it goes on with, beside its weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl

from lrs_lightning.data.manifest import parts_of
from lrs_lightning.errors import ArgumentError

_DATA = ("window", "burn_in", "batch_size", "batches", "start_share", "val_fraction", "seed")
_TRAINER = ("accumulate_grad_batches", "gradient_clip_val", "gradient_clip_algorithm", "world_size")
_STORE = "the demonstrations"


def recipe(trainer: pl.Trainer) -> dict[str, Any]:
    """The options that decide which batches come and what an update does; plain values."""
    data = trainer.datamodule  # type: ignore[attr-defined]
    options = {f"data.{name}": getattr(data, name) for name in _DATA if hasattr(data, name)}
    options |= {f"trainer.{name}": getattr(trainer, name) for name in _TRAINER}
    stores = getattr(data, "stores", None)  # of a population there may be several
    if stores:
        parts = [part for store in stores for part in parts_of(store.manifest)]
        options[_STORE] = " ".join(part.sha256 for part in parts)
    return {k: v if v is None or isinstance(v, int | float) else str(v) for k, v in options.items()}


def check_recipe(then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to go on where another recipe would be mixed into a training.

    Raises:
        ArgumentError: names what differs, and how to have it as it was.
    """
    changed = [name for name in now if name in then and then[name] != now[name]]
    if not changed:
        return
    options = [name for name in changed if name != _STORE]
    differences = [f"{name} was {then[name]} and is {now[name]}" for name in options]
    if _STORE in changed:
        differences.append(f"{_STORE} are others")
    hint = " ".join(f"--{name}={then[name]}" for name in options)
    remedy = f"give {hint}" if hint else "give those that it was trained on"
    raise ArgumentError(
        f"the checkpoint was trained otherwise: {', '.join(differences)}; {remedy}, or train anew"
    )
