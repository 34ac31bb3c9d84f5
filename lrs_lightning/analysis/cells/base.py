"""One step of a recurrent layer: its gates, the next state, and the derivatives in closed form.

A cell's next state is made of pre-activations `a_g = W_in,g x + b_g + W_g h`, so that every
derivative is a sum of diagonal matrices times weights. A leaf file gives the diagonals (`slopes`),
and the matrices are assembled here, for all cells alike.

Letters: G gates, H units, I inputs, P size of h (H, or an LSTM's `proj_size`), S size of the whole
state: h, and behind it c where there is one. Leading axes `...` are free: time, episodes, runs.
Time between steps is 1, as it is in the closed loop.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import ClassVar, Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class Activations:
    """What happens inside one step."""

    gates: Tensor
    """Values of the gates `(..., G, H)`, in the order of `Cell.names`."""

    recurrent: Tensor
    """`W_g h` of each gate `(..., G, H)`, without biases."""

    after: Tensor
    """The next state `(..., S)`."""


@dataclass(frozen=True)
class Slopes:
    """Diagonals of the derivatives of the parts of the next state (h, or h and c)."""

    recurrent: Tensor
    """Of each part by `W_g h`, `(..., parts, G, H)`."""

    input: Tensor
    """Of each part by `W_in,g x`, `(..., parts, G, H)`."""

    carried: Tensor | None = None
    """Of each part by the old state directly (a GRU's h, an LSTM's c), `(..., parts, H)`."""


@dataclass(frozen=True)
class Cell:
    """Weights of one layer and the equations of its cell.

    Args:
        weight: recurrent matrices `(G, H, P)` as they act, masks and products included.
        input_weight: `(G H, I)`.
        bias: everything that is added to `W_in x`, `(G H,)`.
    """

    weight: Tensor
    input_weight: Tensor
    bias: Tensor

    kind: ClassVar[str]
    names: ClassVar[tuple[str, ...]]
    """Names of the gates."""
    interpolating: ClassVar[str | None] = None
    """The gate that weighs old against new, or one candidate against the other."""
    parts: ClassVar[int] = 1

    @property
    def hidden_size(self) -> int:
        """H."""
        return self.weight.shape[-2]

    @property
    def output_size(self) -> int:
        """P, the size of h."""
        return self.weight.shape[-1]

    @property
    def state_size(self) -> int:
        """S."""
        return self.output_size + (self.parts - 1) * self.hidden_size

    def to(self, dtype: torch.dtype) -> Self:
        """The same cell with numbers of another type, detached from any graph."""
        tensors = {f.name: getattr(self, f.name) for f in fields(self)}
        changed = {
            name: value.detach().to(dtype)
            for name, value in tensors.items()
            if isinstance(value, Tensor)
        }
        return replace(self, **changed)

    def project(self, x: Tensor) -> Tensor:
        """`W_in x + b`: `(..., I)` -> `(..., G H)`."""
        return torch.nn.functional.linear(x, self.input_weight, self.bias)

    def recur(self, state: Tensor) -> Tensor:
        """`W_g h` of every gate: `(..., S)` -> `(..., G, H)`."""
        h = state[..., : self.output_size]
        return self.by_gate(torch.nn.functional.linear(h, self.weight.flatten(0, 1)))

    def by_gate(self, x_proj: Tensor) -> Tensor:
        """Gates on an axis of their own, `(..., G H)` -> `(..., G, H)`."""
        return x_proj.view(*x_proj.shape[:-1], *self.weight.shape[:2])

    def activate(self, x_proj: Tensor, state: Tensor) -> Activations:
        """One step from `x_proj (..., G H)` and the state before, `(..., S)`."""
        raise NotImplementedError

    def slopes(self, state: Tensor, now: Activations) -> Slopes:
        """Derivatives of that step; `now` is what `activate` gave for this state."""
        raise NotImplementedError

    def mixed(self, state: Tensor, now: Activations) -> tuple[Tensor, Tensor] | None:
        """The two terms `(..., H)` whose sum the interpolating gate makes; None without one."""
        return None

    def jacobian(self, state: Tensor, now: Activations) -> Tensor:
        """Derivative of the next state by the state before, `(..., S, S)`."""
        slopes = self.slopes(state, now)
        by_h = self._assemble(slopes.recurrent, self.weight)
        if self.parts == 1:
            whole = by_h
            if slopes.carried is not None:
                whole.diagonal(dim1=-2, dim2=-1).add_(slopes.carried[..., 0, :])
            return whole
        assert slopes.carried is not None
        by_c = torch.diag_embed(slopes.carried).flatten(-3, -2)  # (..., parts H, H)
        return self._out(torch.cat([by_h, by_c], -1))

    def input_jacobian(self, state: Tensor, now: Activations) -> Tensor:
        """Derivative of the next state by the layer's input, `(..., S, I)`."""
        weight = self.input_weight.view(*self.weight.shape[:2], -1)
        return self._out(self._assemble(self.slopes(state, now).input, weight))

    def _out(self, rows: Tensor) -> Tensor:
        """From the rows of the units to those of the state; only a projection changes them."""
        return rows

    @staticmethod
    def _assemble(slopes: Tensor, weight: Tensor) -> Tensor:
        """Sum over gates of diagonal times weight: `(..., parts, G, H)` -> `(..., parts H, K)`."""
        total = slopes[..., 0, :].unsqueeze(-1) * weight[0]  # (..., parts, H, K)
        for gate in range(1, weight.shape[0]):
            total.addcmul_(slopes[..., gate, :].unsqueeze(-1), weight[gate])
        return total.flatten(-3, -2)
