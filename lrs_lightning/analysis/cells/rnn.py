"""The vanilla RNN: `h' = tanh(a)` with Jacobian `D(1 - h'²) W`, or `relu(a)` with `D(h' > 0) W`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lrs_lightning.analysis.cells.base import Activations, Cell, Slopes


@dataclass(frozen=True)
class RNNCell(Cell):
    """`nonlinearity` is `"tanh"` or `"relu"`; the other arguments are those of `Cell`."""

    nonlinearity: str = "tanh"

    kind: ClassVar[str] = "rnn"
    names: ClassVar[tuple[str, ...]] = ("h",)

    def activate(self, x_proj: Tensor, state: Tensor) -> Activations:
        """One step."""
        recurrent = self.recur(state)
        before = self.by_gate(x_proj) + recurrent
        gates = torch.tanh(before) if self.nonlinearity == "tanh" else torch.relu(before)
        return Activations(gates, recurrent, gates[..., 0, :])

    def slopes(self, state: Tensor, now: Activations) -> Slopes:
        """One gate, one part."""
        y = now.gates.unsqueeze(-3)  # (..., parts, G, H)
        slope = 1 - y * y if self.nonlinearity == "tanh" else (y > 0).to(y.dtype)
        return Slopes(slope, slope)
