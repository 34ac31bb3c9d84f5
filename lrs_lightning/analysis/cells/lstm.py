"""The LSTM on the state (h, c), with torch's gates i, f, g, o and optional projection.

With `c' = f c + i g`, `m = o tanh(c')`, `q = o (1 - tanh²(c'))` and `h' = m` (or `V m`):

`dc'/dh = D(c f (1 - f)) W_f + D(i (1 - g²)) W_g + D(g i (1 - i)) W_i`, `dc'/dc = D(f)`,
`dm/dh = D(tanh(c') o (1 - o)) W_o + D(q) dc'/dh`, `dm/dc = D(q f)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lrs_lightning.analysis.cells.base import Activations, Cell, Slopes


@dataclass(frozen=True)
class LSTMCell(Cell):
    """`projection (P, H)` is torch's `weight_hr`; None for none."""

    projection: Tensor | None = None

    kind: ClassVar[str] = "lstm"
    names: ClassVar[tuple[str, ...]] = ("i", "f", "g", "o")
    interpolating: ClassVar[str | None] = "f"
    parts: ClassVar[int] = 2

    def activate(self, x_proj: Tensor, state: Tensor) -> Activations:
        """One step."""
        recurrent = self.recur(state)
        i, f, g, o = (self.by_gate(x_proj) + recurrent).unbind(-2)
        i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
        c = f * state[..., self.output_size :] + i * g
        m = o * torch.tanh(c)
        h = m if self.projection is None else torch.nn.functional.linear(m, self.projection)
        return Activations(torch.stack([i, f, g, o], -2), recurrent, torch.cat([h, c], -1))

    def slopes(self, state: Tensor, now: Activations) -> Slopes:
        """Of m (h before a projection) and of c."""
        i, f, g, o = now.gates.unbind(-2)
        old, new = state[..., self.output_size :], torch.tanh(now.after[..., self.output_size :])
        q = o * (1 - new * new)
        of_c = torch.stack(
            [g * i * (1 - i), old * f * (1 - f), i * (1 - g * g), torch.zeros_like(o)], -2
        )
        of_m = q.unsqueeze(-2) * of_c
        of_m[..., 3, :] = new * o * (1 - o)
        both = torch.stack([of_m, of_c], -3)
        return Slopes(both, both, torch.stack([q * f, f], -2))

    def mixed(self, state: Tensor, now: Activations) -> tuple[Tensor, Tensor] | None:
        """Kept `f c`, and new `i g`."""
        i, f, g, _ = now.gates.unbind(-2)
        return f * state[..., self.output_size :], i * g

    def _out(self, rows: Tensor) -> Tensor:
        if self.projection is None:
            return rows
        units = self.hidden_size
        return torch.cat([self.projection @ rows[..., :units, :], rows[..., units:, :]], -2)
