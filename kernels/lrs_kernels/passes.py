"""What goes into the two passes of a scan and what comes out, the same for every backend and cell.

Shapes: P population (may be missing), T time, B batch, I input size, G recurrent matrices, H hidden
size.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol, cast

from torch import Tensor

from lrs_kernels.cell import Cell, Variant
from lrs_kernels.recurrent import Recurrent


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


class Entry(NamedTuple):
    """What enters a recurrence step by step, and what projects it, if anything does."""

    first: Tensor
    """`x_proj`, `(P, T, B, G*H)`; a layer's input `x`, `(P, T, B, I)`, where there is `w_ih`."""
    w_ih: Tensor | None
    """`(P, G*H, I)`."""
    b_ih: Tensor | None
    """`(P, G*H)`."""


class Inputs(NamedTuple):
    """The tensors that the passes read.

    The registered operators and the node of the autograd graph take them in this order, which is
    stated here alone. `x_proj` is used up by the forward pass and None on the way back; a layer
    that brings its own input has `x` and `w_ih` in its place.
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
    x: Tensor | None = None
    """Input of a layer, `(P, T, B, I)`."""
    w_ih: Tensor | None = None
    """What projects it, `(P, G*H, I)`."""
    b_ih: Tensor | None = None
    """`(P, G*H)`."""

    @classmethod
    def of(
        cls, x_proj: Tensor, recurrent: Recurrent, h0: Tensor, **others: Tensor | None
    ) -> Inputs:
        """Inputs with the recurrent weights as one value."""
        return cls(x_proj, *recurrent, h0, **others)

    def without_x_proj(self) -> Inputs:
        """The same without what a forward pass uses up."""
        return self._replace(x_proj=cast(Tensor, None))

    @property
    def sequence(self) -> Tensor:
        """What is read step by step: `x_proj`, or the input of a layer."""
        return self.x_proj if self.x is None else self.x

    @property
    def recurrent(self) -> Recurrent:
        """The recurrent weights as one value."""
        return Recurrent(self.dense, self.w1, self.w2, self.mask)

    @property
    def weights(self) -> tuple[Tensor | None, ...]:
        """All weight matrices, as they are stored."""
        return *self.recurrent, self.w_ih

    def with_recurrent(self, recurrent: Recurrent) -> Inputs:
        """The same with other recurrent weights."""
        return self._replace(**recurrent._asdict())


BESIDE_THE_SEQUENCE = tuple(name for name in Inputs._fields if name not in ("x_proj", "x"))
"""The fields of `Inputs` but for what is projected, or to be projected."""


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


@dataclass(frozen=True)
class Wanted:
    """Which gradients are wanted that take work beyond the way back itself.

    Attributes:
        weights: of the recurrent weights, or of `bias_n`.
        projection: of `w_ih` or `b_ih`.
        layer_input: of `x`.
        states: of the initial states, for which a backend may stop a product early.

    """

    weights: bool = True
    projection: bool = True
    layer_input: bool = True
    states: bool = True

    @staticmethod
    @lru_cache(maxsize=256)
    def by(needed: tuple[bool, ...]) -> Wanted:
        """From which of `Inputs` need a gradient, in its order."""
        of = Inputs(*needed)  # type: ignore[arg-type]
        return Wanted(
            weights=bool(of.dense or of.w1 or of.w2 or of.bias_n),
            projection=bool(of.w_ih or of.b_ih),
            layer_input=bool(of.x),
            states=bool(of.h0 or of.c0),
        )


EVERYTHING = Wanted()


class PartGrads(NamedTuple):
    """Gradients that are products of dL/dz of all steps; None where there is no such part."""

    dense: Tensor | None = None
    w1: Tensor | None = None
    w2: Tensor | None = None
    bias_n: Tensor | None = None
    x: Tensor | None = None
    w_ih: Tensor | None = None
    b_ih: Tensor | None = None


class InputGrads(NamedTuple):
    """Gradients of `Inputs`, in its order."""

    x_proj: Tensor | None
    dense: Tensor | None
    w1: Tensor | None
    w2: Tensor | None
    mask: None
    h0: Tensor | None
    c0: Tensor | None
    timespans: Tensor | None
    resets: None
    bias_n: Tensor | None
    x: Tensor | None
    w_ih: Tensor | None
    b_ih: Tensor | None


class Passes(Protocol):
    """The two passes of a cell: what a module of `cpu/` has."""

    def forward(self, recurrence: Recurrence, inputs: Inputs, save: bool, save_time: bool) -> Trace:
        """Run over the sequence; `save` keeps what `backward` needs, `save_time` `Trace.time`."""

    def backward(
        self, recurrence: Recurrence, inputs: Inputs, trace: Trace, upstream: Upstream
    ) -> Grads:
        """Walk back once."""


class Backend(Protocol):
    """One way to run the passes of all cells."""

    STORES_BFLOAT16: bool
    """Whether the passes read and write bfloat16; else they are given float32."""

    def forward(self, recurrence: Recurrence, inputs: Inputs, save: bool, save_time: bool) -> Trace:
        """As that of `Passes`."""

    def takes_input(self, recurrence: Recurrence, inputs: Inputs) -> bool:
        """Whether `forward` projects a layer's input itself; else it wants `x_proj`."""

    def gradients(
        self,
        recurrence: Recurrence,
        inputs: Inputs,
        trace: Trace,
        upstream: Upstream,
        wanted: Wanted,
    ) -> InputGrads:
        """Walk back, and make of dL/dz the gradients of the parts that are wanted."""
