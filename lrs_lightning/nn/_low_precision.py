"""Modules in bfloat16 or float16: products in the low type, the state over time in float32.

A sum over a thousand steps needs more digits than either type has. Autocast is another matter:
there the parameters are float32 already, and the scans lift what it lowered.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lrs_kernels import Cell, recurrent_layer, recurrent_scan
from lrs_lightning.nn.parameters import Weight

LOW = (torch.bfloat16, torch.float16)


def run_scan(
    cell: Cell, x_proj: Tensor, weight: Weight, states: tuple[Tensor, ...], **options: Any
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Call `recurrent_scan`; where `x_proj` is of a low type, in float32 and back.

    Args:
        cell: which recurrence.
        x_proj: `(T, B, G H)`.
        weight: dense, or a pair of factors.
        states: initial ones.
        **options: the others of `recurrent_scan`.
    """
    if x_proj.dtype not in LOW or torch.is_autocast_enabled(x_proj.device.type):
        return recurrent_scan(cell, x_proj, weight, states, **options)
    low = x_proj.dtype
    lifted = (_to(value, LOW, torch.float32) for value in (x_proj, weight, states))
    options = {name: _to(value, LOW, torch.float32) for name, value in options.items()}
    y, final = recurrent_scan(cell, *lifted, **options)
    return y.to(low), tuple(part.to(low) for part in final)


def run_layer(
    cell: Cell,
    x: Tensor,
    input_part: tuple[Tensor, Tensor | None],
    weight: Weight,
    states: tuple[Tensor, ...],
    **options: Any,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Call `recurrent_layer`; where `x` is of a low type, project in it, and call `run_scan`.

    Args:
        cell: which recurrence.
        x: `(T, B, I)`.
        input_part: W_ih `(G H, I)` and its bias `(G H,)`.
        weight: dense, or a pair of factors.
        states: initial ones.
        **options: the others of `recurrent_layer`.
    """
    if x.dtype in LOW:
        return run_scan(cell, functional.linear(x, *input_part), weight, states, **options)
    return recurrent_layer(cell, x, *input_part, weight, states, **options)


def _to(value: Any, types: tuple[torch.dtype, ...], wanted: torch.dtype) -> Any:
    if isinstance(value, tuple):
        return tuple(_to(part, types, wanted) for part in value)
    return value.to(wanted) if isinstance(value, Tensor) and value.dtype in types else value
