"""Which backend of `lrs_kernels` runs the recurrences of a module where it is now, and why."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from lrs_kernels.dispatch import Choice, choose
from lrs_lightning.nn.recurrent import LRSLayer


def backends(module: nn.Module) -> dict[str, Choice]:
    """Name of a cell -> the backend of its scans and the reason for it; empty without LRS layers.

    A cell that runs on several has one entry for each, the later ones with their number.

    Args:
        module: a layer, a policy, or whatever holds some.
    """
    found: dict[str, Choice] = {}
    for layer in module.modules():
        if not isinstance(layer, LRSLayer):
            continue
        where = next(layer.parameters()).device.type
        choice = choose(layer.backend, layer.cell, layer.variant, where)
        others = [n for n in found if n.partition(" ")[0] == layer.cell.name]
        if choice not in [found[name] for name in others]:
            number = f" {len(others) + 1}" if others else ""
            found[f"{layer.cell.name}{number}"] = choice
    return found


def in_words(choices: Mapping[str, Choice]) -> str:
    """`cfc on native (compiled by cc)`, for one line of a log."""
    return "; ".join(f"{name} on {c.backend} ({c.reason})" for name, c in choices.items())
