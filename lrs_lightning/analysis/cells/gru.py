"""The GRU with torch's placement of the reset gate.

`n = tanh(x_n + r (W_n h + b_hn))` and `h' = (1 - z) n + z h`, so that
`dh'/dh = D(z) + D((h - n) z (1 - z)) W_z + D((1 - z)(1 - n²)) [D(r) W_n + D((W_n h + b) r (1 - r)) W_r]`.
"""  # noqa: E501 - one equation

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lrs_lightning.analysis.cells.base import Activations, Cell, Slopes


@dataclass(frozen=True)
class GRUCell(Cell):
    """`bias_n (H,)` is torch's `b_hn`, which the reset gate multiplies; None for no bias."""

    bias_n: Tensor | None = None

    kind: ClassVar[str] = "gru"
    names: ClassVar[tuple[str, ...]] = ("r", "z", "n")
    interpolating: ClassVar[str | None] = "z"

    def activate(self, x_proj: Tensor, state: Tensor) -> Activations:
        """One step."""
        recurrent = self.recur(state)
        x = self.by_gate(x_proj)
        r, z = torch.sigmoid(x[..., :2, :] + recurrent[..., :2, :]).unbind(-2)
        n = torch.tanh(x[..., 2, :] + r * self._candidate(recurrent))
        after = (1 - z) * n + z * state
        return Activations(torch.stack([r, z, n], -2), recurrent, after)

    def slopes(self, state: Tensor, now: Activations) -> Slopes:
        """By h: through r, z and n, and past them with weight z."""
        r, z, n = now.gates.unbind(-2)
        by_n = (1 - z) * (1 - n * n)
        by_r = by_n * self._candidate(now.recurrent) * r * (1 - r)
        by_z = (state - n) * z * (1 - z)
        recurrent = torch.stack([by_r, by_z, by_n * r], -2).unsqueeze(-3)
        entering = torch.stack([by_r, by_z, by_n], -2).unsqueeze(-3)
        return Slopes(recurrent, entering, z.unsqueeze(-2))

    def mixed(self, state: Tensor, now: Activations) -> tuple[Tensor, Tensor] | None:
        """Kept `z h`, and new `(1 - z) n`."""
        _, z, n = now.gates.unbind(-2)
        return z * state, (1 - z) * n

    def _candidate(self, recurrent: Tensor) -> Tensor:
        held = recurrent[..., 2, :]
        return held if self.bias_n is None else held + self.bias_n
