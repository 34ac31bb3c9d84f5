"""What goes into the two passes of a scan and what comes out, the same for every backend and cell.

Shapes: P population (may be missing), T time, B batch, G recurrent matrices, H hidden size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from torch import Tensor

from lrs_kernels.cell import Cell, Variant
from lrs_kernels.recurrent import Recurrent

PartGrads = tuple[Tensor | None, Tensor | None, Tensor | None]
"""Gradients of `dense`, `w1` and `w2`; None where there is no such part."""


@dataclass(frozen=True)
class Recurrence:
    """Which recurrence to run, as plain values.

    Attributes:
        cell: its descriptor.
        variant: one of `cell.variants`.
        precision: of the products on a GPU: `ieee`, `tf32`, `tf32x3` or `bf16`.

    """

    cell: Cell
    variant: str
    precision: str = "ieee"

    @property
    def form(self) -> Variant:
        """The equations."""
        return self.cell.variants[self.variant]


class Inputs(NamedTuple):
    """The tensors that the passes read.

    The registered operators and the node of the autograd graph take them in this order, which is
    stated here alone. `x_proj` is used up by the forward pass and None on the way back.
    """

    x_proj: Tensor
    """`(P, T, B, G*H)`."""
    dense: Tensor | None
    """Recurrent weights, `(P, G, H, H)`; None where they are low rank."""
    w1: Tensor | None
    """Left factor, `(P, G, H, r)`."""
    w2: Tensor | None
    """Right factor, `(P, G, r, H)`."""
    mask: Tensor | None
    """1 where a connection exists, `(P, G, H, H)`; None means all ones."""
    h0: Tensor
    """`(P, B, H)`."""
    c0: Tensor | None = None
    """Cells with a second state: `(P, B, H)`."""
    timespans: Tensor | None = None
    """CfC: `(P, T, B)`."""
    resets: Tensor | None = None
    """Boolean, `(P, T, B)`."""
    bias_n: Tensor | None = None
    """GRU: `(P, H)`."""

    @classmethod
    def of(
        cls, x_proj: Tensor, recurrent: Recurrent, h0: Tensor, **others: Tensor | None
    ) -> Inputs:
        """Inputs with the recurrent weights as one value."""
        return cls(x_proj, *recurrent, h0, **others)

    @property
    def recurrent(self) -> Recurrent:
        """The recurrent weights as one value."""
        return Recurrent(self.dense, self.w1, self.w2, self.mask)

    def with_recurrent(self, recurrent: Recurrent) -> Inputs:
        """The same with other recurrent weights."""
        return self._replace(**recurrent._asdict())


class Trace(NamedTuple):
    """What the forward pass leaves behind."""

    states: Tensor
    """h_1 ... h_T, `(P, T, B, H)`."""
    c_n: Tensor | None = None
    """Cells with a second state: the final one, `(P, B, H)`."""
    gates: Tensor | None = None
    """What the way back needs of every step, `(P, T, B, S*H)` with S = `cell.saved`."""
    cells: Tensor | None = None
    """Cells with a second state: c_1 ... c_T, `(P, T, B, H)`."""
    time: Tensor | None = None
    """CfC: the pre-activation that dt multiplies, `(P, T, B, H)`, if dt needs a gradient."""
    weight: Tensor | None = None
    """`W1 @ W2 * M` where a backend has formed it and would have to do so again."""


class Upstream(NamedTuple):
    """Gradients that enter the backward pass; None where the loss does not look."""

    dy: Tensor | None
    """`(P, T, B, H)`."""
    h_n: Tensor | None = None
    """`(P, B, H)`."""
    c_n: Tensor | None = None
    """`(P, B, H)`."""


class Grads(NamedTuple):
    """What the backward pass returns."""

    dz: Tensor
    """Gradient of `x_proj`, `(P, T, B, G*H)`."""
    h0: Tensor
    """`(P, B, H)`."""
    c0: Tensor | None = None
    """`(P, B, H)`."""
    timespans: Tensor | None = None
    """`(P, T, B)`, where the forward pass kept `Trace.time`."""
    dz_recurrent: Tensor | None = None
    """Gradient of the recurrent products where it differs from `dz` (GRU)."""


class Passes(Protocol):
    """The two passes of a cell: what a module of `cpu/` has."""

    def forward(self, recurrence: Recurrence, inputs: Inputs, save: bool, save_time: bool) -> Trace:
        """Run over the sequence; `save` keeps what `backward` needs, `save_time` `Trace.time`."""

    def backward(
        self, recurrence: Recurrence, inputs: Inputs, trace: Trace, upstream: Upstream
    ) -> Grads:
        """Walk back once."""


class Backend(Passes, Protocol):
    """One way to run the passes of all cells."""

    def weight_grads(
        self, recurrence: Recurrence, inputs: Inputs, states: Tensor, dz: Tensor
    ) -> PartGrads:
        """Gradients of the weights for all steps at once; see `weight_grad.weight_grads`."""
