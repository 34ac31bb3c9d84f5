"""Jacobians along inputs that are uneven in time: each step lasts what it lasted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lrs_lightning.analysis.cells import settled
from lrs_lightning.analysis.recurrence import Recurrence


@torch.no_grad()
def jacobians_at(
    layer: nn.Module, features: Tensor, timespans: Tensor, steps: Sequence[int]
) -> Tensor:
    """Derivative of the whole state by the one before, at some steps.

    A `Recurrence` has one time span for all its steps; so the layer itself runs up to each step,
    and the step alone is read as equations, with its own time span.

    Args:
        layer: one of ours that knows time.
        features: `(T, N, I)`.
        timespans: time since the step before, `(T, N)`.
        steps: K of the T steps.

    Returns:
        `(K, N, S, S)`, in float64.
    """
    whole: Any = settled(layer)
    x, spans = features.double(), timespans.double()
    batch_axis = 0 if whole.batch_first else 1
    found = []
    for t in steps:
        state = x.new_zeros(whole.num_layers, x.shape[1], whole.hidden_size)
        if t:
            past, waits = (part[:t].movedim(1, batch_axis) for part in (x, spans))
            _, state = whole(past, timespans=waits)
        flat = state.movedim(0, 1).flatten(1)  # (N, S): the layers one behind the other
        found += [_at(layer, x[t, n], flat[n], float(spans[t, n])) for n in range(x.shape[1])]
    size = found[0].shape[-1]
    return torch.stack(found).view(len(steps), x.shape[1], size, size)


def _at(layer: nn.Module, x: Tensor, state: Tensor, timespan: float) -> Tensor:
    """Of one step `(S, S)`, from features `(I,)` and the state before, `(S,)`."""
    recurrence = Recurrence.of(layer, timespan=timespan)
    replay = recurrence.replay(x[None, None], state[None])
    return recurrence.jacobians(replay)[0, 0]
