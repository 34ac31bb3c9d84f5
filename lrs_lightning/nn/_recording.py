"""States of every step, for layers whose state has parts that are no output."""

from __future__ import annotations

import torch
from torch import Tensor

from lrs_lightning.nn._calls import Call
from lrs_lightning.nn._ragged import Run


def step_by_step(run: Run, call: Call) -> tuple[Tensor, tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Run one step at a time and keep all states.

    Returns:
        Output `(T, B, H)`, final state, and the states of all steps, each `(layers, T, B, size)`.
    """
    state = call.state
    outputs: list[Tensor] = []
    seen: list[tuple[Tensor, ...]] = []
    for t in range(call.x.shape[0]):
        timespans, resets = (
            None if part is None else part[t : t + 1] for part in (call.timespans, call.resets)
        )
        y, state = run(call.x[t : t + 1], state, timespans, resets)
        outputs.append(y)
        seen.append(state)
    # each part (layers, B, size) a step -> (layers, T, B, size)
    states = tuple(torch.stack(parts, dim=1) for parts in zip(*seen, strict=True))
    return torch.cat(outputs), state, states
