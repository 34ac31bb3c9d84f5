"""The closed-form continuous-time cell in all its forms, the same time between all steps.

`h' = g (1 - f) + k f` with `g = tanh(a_G)`, `k = tanh(a_H)`, `f = sigmoid(a_F)` has the Jacobian
`D((1 - f)(1 - g²)) W_G + D(f (1 - k²)) W_H + D((k - g) f (1 - f)) W_F`. A gate that is held
(frozen or removed) has no third term. ncps' `no_gate` is `h' = g + k f`; its two linear maps of F
are one map, their sum, while the time between steps is 1. Where it is `dt`, the map of F (ncps: its
first) is `dt` times as large.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lrs_lightning.analysis.cells.base import Activations, Cell, Slopes


@dataclass(frozen=True)
class CfCCell(Cell):
    """G, H and F; weights stand in that order.

    Args:
        weight: as in `Cell`.
        input_weight: as in `Cell`.
        bias: as in `Cell`.
        additive: ncps' `no_gate`, where the gate weighs H alone.
    """

    additive: bool = False

    kind: ClassVar[str] = "cfc"
    names: ClassVar[tuple[str, ...]] = ("G", "H", "F")
    interpolating: ClassVar[str | None] = "F"

    def activate(self, x_proj: Tensor, state: Tensor) -> Activations:
        """One step."""
        recurrent = self.recur(state)
        before = self.by_gate(x_proj) + recurrent
        candidates = torch.tanh(before[..., :2, :])
        f = torch.sigmoid(before[..., 2, :])
        g, k = candidates.unbind(-2)
        after = (g if self.additive else g * (1 - f)) + k * f
        return Activations(torch.cat([candidates, f.unsqueeze(-2)], -2), recurrent, after)

    def slopes(self, state: Tensor, now: Activations) -> Slopes:
        """Through G, H and F."""
        g, k, f = now.gates.unbind(-2)
        of_g = (1 - g * g) if self.additive else (1 - f) * (1 - g * g)
        of_f = (k if self.additive else k - g) * f * (1 - f)
        slopes = torch.stack([of_g, f * (1 - k * k), of_f], -2).unsqueeze(-3)
        return Slopes(slopes, slopes)

    def mixed(self, state: Tensor, now: Activations) -> tuple[Tensor, Tensor] | None:
        """H's term `f k`, and G's `(1 - f) g`."""
        g, k, f = now.gates.unbind(-2)
        return f * k, g if self.additive else (1 - f) * g


@dataclass(frozen=True)
class HeldCfCCell(Cell):
    """G and H under a constant gate `held (H,)`: its training mean, or 1/2 where F was removed."""

    held: Tensor | None = None

    kind: ClassVar[str] = "cfc"
    names: ClassVar[tuple[str, ...]] = ("G", "H")

    def activate(self, x_proj: Tensor, state: Tensor) -> Activations:
        """One step."""
        recurrent = self.recur(state)
        gates = torch.tanh(self.by_gate(x_proj) + recurrent)
        return Activations(gates, recurrent, (self._shares() * gates).sum(-2))

    def slopes(self, state: Tensor, now: Activations) -> Slopes:
        """Through G and H."""
        slopes = (self._shares() * (1 - now.gates * now.gates)).unsqueeze(-3)
        return Slopes(slopes, slopes)

    def _shares(self) -> Tensor:
        """What G and H weigh, `(2, H)`."""
        f = self.weight.new_full((self.hidden_size,), 0.5) if self.held is None else self.held
        return torch.stack([1 - f, f])


@dataclass(frozen=True)
class PureCfCCell(Cell):
    """ncps' `pure`: `h' = A - A e a`, `e = exp(-dt (|w_tau| + |a|))`.

    Its slope is `-A e (1 - dt |a|)`.
    """

    w_tau: Tensor | None = None
    amplitude: Tensor | None = None
    dt: float = 1.0

    kind: ClassVar[str] = "cfc"
    names: ClassVar[tuple[str, ...]] = ("a",)

    def activate(self, x_proj: Tensor, state: Tensor) -> Activations:
        """One step."""
        recurrent = self.recur(state)
        a = self.by_gate(x_proj) + recurrent
        decay, amplitude = self._decay(a)
        return Activations(a, recurrent, (amplitude - amplitude * decay * a)[..., 0, :])

    def slopes(self, state: Tensor, now: Activations) -> Slopes:
        """The one map's."""
        decay, amplitude = self._decay(now.gates)
        slopes = (-amplitude * decay * (1 - self.dt * now.gates.abs())).unsqueeze(-3)
        return Slopes(slopes, slopes)

    def _decay(self, a: Tensor) -> tuple[Tensor, Tensor]:
        assert self.w_tau is not None and self.amplitude is not None
        return torch.exp(-self.dt * (self.w_tau.abs() + a.abs())), self.amplitude
