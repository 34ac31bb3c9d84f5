"""The parts of ncps' CfC that no scan of ours has: a backbone before the gates, and a mixed memory.

A step of them needs more than one product with the state, so they run one step after the other.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from lrs_kernels.cells import cfc
from lrs_lightning.nn.cfc import LRSCfC

Stepper = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""`(input part (B, K), h (B, H), dt (B, 1) or None) -> h`, with the weights of one call."""


class LeCunTanh(nn.Module):
    """`1.7159 tanh(0.666 x)` (LeCun et al. 1998), the usual activation of a backbone.

    Example:
        >>> float(LeCunTanh()(torch.tensor(0.0)))
        0.0
    """

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return 1.7159 * torch.tanh(0.666 * x)


class BackboneCfC(nn.Module):
    """A CfC whose gates read features of input and state: `k = act(W x + U h + b)`, and so on.

    Args:
        input_size: I.
        hidden_size: H.
        units: features K of every layer of the backbone.
        mode: `"default"`, `"no_gate"` or `"pure"`; see `LRSCfC`.
        activation: after the first layer.
        deeper: the other layers of the backbone, `(..., K)` -> `(..., K)`.

    Example:
        >>> cell = BackboneCfC(5, 8, 16, "default", LeCunTanh(), nn.Sequential())
        >>> x, h = cell.project_input(torch.randn(3, 2, 5)), torch.zeros(2, 8)
        >>> cell.stepper()(x[0], h, None).shape
        torch.Size([2, 8])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        units: int,
        mode: str,
        activation: nn.Module,
        deeper: nn.Module,
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.mode = input_size, hidden_size, mode
        self.input_part = nn.Linear(input_size, units)
        self.state_part = nn.Linear(hidden_size, units, bias=False)
        self.activation, self.deeper = activation, deeper
        self.gates = nn.Linear(units, cfc.CELL.variants[mode].gates[0] * hidden_size)
        if mode == "pure":
            self.w_tau = nn.Parameter(torch.zeros(hidden_size))
            self.amplitude = nn.Parameter(torch.ones(hidden_size))

    def project_input(self, x: Tensor) -> Tensor:
        """The input's part of the first layer, for all steps at once: `(..., I)` -> `(..., K)`."""
        projected: Tensor = self.input_part(x)
        return projected

    def stepper(self) -> Stepper:
        """One step of the cell."""
        state_part, gates = self.state_part.weight.t(), self.gates.weight.t()
        bias, equations = self.gates.bias, cfc.CELL.variants[self.mode].reference
        constants = {}
        if self.mode == "pure":
            constants = {"w_tau": self.w_tau, "amplitude": self.amplitude}

        def step(x: Tensor, h: Tensor, dt: Tensor | None) -> Tensor:
            features = self.deeper(self.activation(torch.addmm(x, h, state_part)))
            extras = constants if dt is None else constants | {"timespans": dt}
            # The gates read features alone; the equations add a product with the state to `bias`.
            return equations(bias, lambda _: features @ gates, (h,), extras)[0]

        return step


class MixedMemory(nn.Module):
    """An LSTM that rewrites the state before every step of a cell (Lechner and Hasani 2020).

    Gates in ncps' order: input, its gate, forget gate (whose bias is 1 larger), output gate.

    Args:
        input_size: I.
        hidden_size: H.

    Example:
        >>> memory = MixedMemory(5, 8)
        >>> x, h = memory.project_input(torch.randn(3, 2, 5)), torch.zeros(2, 8)
        >>> [part.shape for part in memory.stepper()(x[0], h, h)]
        [torch.Size([2, 8]), torch.Size([2, 8])]
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_map = nn.Linear(input_size, 4 * hidden_size)
        self.recurrent_map = nn.Linear(hidden_size, 4 * hidden_size, bias=False)

    def project_input(self, x: Tensor) -> Tensor:
        """For all steps at once, the 1 of the forget gate included: `(..., I)` -> `(..., 4 H)`."""
        hidden_size = self.recurrent_map.in_features
        one = torch.zeros_like(self.input_map.bias)
        one[2 * hidden_size : 3 * hidden_size] = 1
        return functional.linear(x, self.input_map.weight, self.input_map.bias + one)

    def stepper(self) -> Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]:
        """One step, `(input part, h, c) -> (h, c)`."""
        recurrent = self.recurrent_map.weight.t()

        def step(x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
            value, entry, forget, exit = torch.addmm(x, h, recurrent).chunk(4, dim=-1)
            c = c * torch.sigmoid(forget) + torch.tanh(value) * torch.sigmoid(entry)
            return torch.tanh(c) * torch.sigmoid(exit), c

        return step


def layer_stepper(layer: LRSCfC) -> Stepper:
    """One step of a layer, on inputs that `layer.project_input` has projected."""
    recurrent = layer.recurrent_weight().flatten(0, 1).t()  # (H, G H)
    equations, constants = cfc.CELL.variants[layer.mode].reference, layer.extras(0)

    def step(x: Tensor, h: Tensor, dt: Tensor | None) -> Tensor:
        extras = constants if dt is None else constants | {"timespans": dt}
        return equations(x, lambda state: state @ recurrent, (h,), extras)[0]

    return step


def activation_of(module: nn.Module) -> nn.Module:
    """The same activation as a module of PyTorch or of ours; ncps has a LeCun of its own."""
    known = (nn.SiLU, nn.ReLU, nn.Tanh, nn.GELU)
    return type(module)() if isinstance(module, known) else LeCunTanh()


class FixedMask(nn.Module):
    """A parametrization that holds entries of a weight at zero, as a wiring does.

    Args:
        mask: 1 where a connection exists, shaped like the weight.

    Example:
        >>> FixedMask(torch.tensor([1.0, 0.0]))(torch.tensor([3.0, 4.0]))
        tensor([3., 0.])
    """

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight: Tensor) -> Tensor:
        """The weight, zero where nothing is connected."""
        return weight * self.mask
