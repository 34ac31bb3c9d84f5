"""What goes into the two passes of a scan and what comes out, the same for every backend and cell.

A backend is a module with `forward(call, inputs, save, save_time) -> Trace` and
`backward(call, inputs, trace, upstream) -> Grads`. Shapes: P population (may be missing), T time,
B batch, G recurrent matrices, H hidden size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from torch import Tensor

from lrs_kernels.recurrent import Recurrent
from lrs_kernels.weight_grad import PartGrads

GATES = {"cfc": (3, 4), "lstm": (4,), "gru": (3,), "rnn": (1,)}
"""Recurrent matrices that each cell may have."""


@dataclass(frozen=True)
class Call:
    """Which recurrence to run, as plain values.

    Attributes:
        cell: `cfc`, `lstm`, `gru` or `rnn`.
        variant: CfC `default` or `no_gate`; RNN `tanh` or `relu`; `default` for the others.
        precision: of the products on a GPU: `ieee`, `tf32`, `tf32x3` or `bf16`.

    """

    cell: str
    variant: str = "default"
    precision: str = "ieee"


class Inputs(NamedTuple):
    """Everything a scan reads."""

    x_proj: Tensor
    """`(P, T, B, G*H)`."""
    recurrent: Recurrent
    h0: Tensor
    """`(P, B, H)`."""
    c0: Tensor | None = None
    """LSTM: `(P, B, H)`."""
    timespans: Tensor | None = None
    """CfC: `(P, T, B)`."""
    resets: Tensor | None = None
    """Boolean, `(P, T, B)`."""
    bias_n: Tensor | None = None
    """GRU: `(P, H)`."""


class Trace(NamedTuple):
    """What the forward pass leaves behind."""

    states: Tensor
    """h_1 ... h_T, `(P, T, B, H)`."""
    c_n: Tensor | None = None
    """LSTM: final cell state, `(P, B, H)`."""
    gates: Tensor | None = None
    """Activated gates (GRU: and the recurrent part of n), for the backward pass."""
    cells: Tensor | None = None
    """LSTM: c_1 ... c_T, `(P, T, B, H)`."""
    time: Tensor | None = None
    """CfC: the pre-activation that dt multiplies, `(P, T, B, H)`, if dt needs a gradient."""


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


class Backend(Protocol):
    """One way to run the passes."""

    forms_weights: bool
    """True where the backend forms W1 @ W2 * M itself."""

    def forward(self, call: Call, inputs: Inputs, save: bool, save_time: bool) -> Trace:
        """Run over the sequence."""

    def backward(self, call: Call, inputs: Inputs, trace: Trace, upstream: Upstream) -> Grads:
        """Walk back once."""

    def weight_grads(
        self, dz: Tensor, states: Tensor, h0: Tensor, resets: Tensor | None, recurrent: Recurrent
    ) -> PartGrads:
        """Gradients of the weights for all steps at once; see `weight_grad.weight_grads`."""
