"""Random scans of every kind, in float64, and the comparison of two ways to run them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from lrs_kernels import cfc_scan, find_cell, gru_scan, lstm_scan, recurrent_layer, rnn_scan
from lrs_kernels.native import load_library

CELLS = [
    pytest.param(cfc_scan, 3, id="cfc"),
    pytest.param(lstm_scan, 4, id="lstm"),
    pytest.param(gru_scan, 3, id="gru"),
    pytest.param(rnn_scan, 1, id="rnn"),
]
"""The function of a cell, and how many recurrent matrices it has."""


@dataclass(frozen=True)
class Layer:
    """A scan that projects its input itself, under the names of `scan` for all else."""

    scan: Callable[..., Any]

    @property
    def __name__(self) -> str:
        return self.scan.__name__

    def __call__(
        self,
        x: Tensor,
        weight_ih: Tensor,
        bias: Tensor | None,
        weight: Any,
        state: Any = None,
        **options: Any,
    ) -> tuple[Tensor, Any]:
        """As the scan of `torch.nn.functional.linear(x, weight_ih, bias)`."""
        state = options.pop("h0", state)
        states = state if isinstance(state, tuple | None) else (state,)
        variant = options.pop("mode", None) or options.pop("nonlinearity", None)
        cell = self.scan.__name__.removesuffix("_scan")
        y, final = recurrent_layer(
            cell, x, weight_ih, bias, weight, states, variant=variant, **options
        )
        return y, final if len(final) > 1 else final[0]


LAYERS = [
    pytest.param(Layer(cfc_scan), 3, id="cfc layer"),
    pytest.param(Layer(lstm_scan), 4, id="lstm layer"),
    pytest.param(Layer(gru_scan), 3, id="gru layer"),
    pytest.param(Layer(rnn_scan), 1, id="rnn layer"),
]
FORMS = [
    pytest.param(cfc_scan, 3, {}, id="cfc paper"),
    pytest.param(cfc_scan, 4, {}, id="cfc default"),
    pytest.param(cfc_scan, 3, {"mode": "no_gate"}, id="cfc no_gate of three"),
    pytest.param(cfc_scan, 4, {"mode": "no_gate"}, id="cfc no_gate"),
    pytest.param(lstm_scan, 4, {}, id="lstm"),
    pytest.param(gru_scan, 3, {}, id="gru"),
    pytest.param(rnn_scan, 1, {}, id="rnn tanh"),
    pytest.param(rnn_scan, 1, {"nonlinearity": "relu"}, id="rnn relu"),
]
LAYER_FORMS = [
    pytest.param(Layer(cfc_scan), 3, {}, id="cfc layer"),
    pytest.param(Layer(cfc_scan), 4, {"mode": "no_gate"}, id="cfc no_gate layer"),
    pytest.param(Layer(lstm_scan), 4, {}, id="lstm layer"),
    pytest.param(Layer(gru_scan), 3, {}, id="gru layer"),
    pytest.param(Layer(rnn_scan), 1, {"nonlinearity": "relu"}, id="rnn relu layer"),
]


def cell_of(scan: Callable[..., Any]) -> Callable[..., Any]:
    """The scan that a layer stands for; any other function itself."""
    return scan.scan if isinstance(scan, Layer) else scan


def entry_of(arguments: dict[str, Any]) -> Tensor:
    """What is read step by step: `x_proj`, or a layer's `x`."""
    entry: Tensor = arguments["x" if "x" in arguments else "x_proj"]
    return entry


_LIBRARY = load_library(find_cell("cfc"))
needs_native = pytest.mark.skipif(not _LIBRARY.functions, reason=_LIBRARY.reason)


def make_scan(
    steps: int,
    batch: int,
    hidden: int,
    gates: int,
    members: int | None = None,
    rank: int | None = None,
    density: float | None = None,
    resets: bool = False,
    timespans: bool = False,
    dtype: torch.dtype = torch.float64,
) -> dict[str, Any]:
    """Arguments of a scan by name; every real one is a leaf that wants its gradient."""
    lead = () if members is None else (members,)

    def leaf(*shape: int, scale: float = 1.0) -> Tensor:
        return (torch.randn(*lead, *shape, dtype=dtype) * scale).requires_grad_()

    if rank is None:
        weight: Any = leaf(gates, hidden, hidden, scale=hidden**-0.5)
    else:
        weight = (
            leaf(gates, hidden, rank, scale=hidden**-0.5),
            leaf(gates, rank, hidden, scale=rank**-0.5),
        )
    scan: dict[str, Any] = {
        "x_proj": leaf(steps, batch, gates * hidden),
        "weight": weight,
        "h0": leaf(batch, hidden),
    }
    if density is not None:
        scan["mask"] = (torch.rand(*lead, gates, hidden, hidden) < density).to(dtype)
    if resets:
        scan["resets"] = torch.rand(*lead, steps, batch) < 0.3
    if timespans:
        spans = torch.rand(*lead, steps, batch, dtype=dtype) * 2
        spans.view(-1)[0] = (
            0.0  # a time span of nothing is legal, and divides by zero if mishandled
        )
        scan["timespans"] = spans.requires_grad_()
    return scan


def make_arguments(
    scan: Callable[..., Any], *shape: Any, inputs: int = 3, **options: Any
) -> dict[str, Any]:
    """`make_scan` under the names that this function has for its arguments."""
    if isinstance(scan, Layer):
        made = make_arguments(scan.scan, *shape, **options)
        return _with_input(made.pop("x_proj"), inputs) | made
    made = make_scan(*shape, **options)
    h0 = made["h0"]
    if scan is lstm_scan:
        made["state"] = (made.pop("h0"), torch.randn_like(h0).requires_grad_())
    if scan is gru_scan:
        made["bias_n"] = torch.randn_like(h0).select(-2, 0).clone().requires_grad_()
    return made


def _with_input(x_proj: Tensor, inputs: int) -> dict[str, Tensor]:
    """A layer's input and what makes of it a projection of this shape."""
    *lead, steps, batch, width = x_proj.shape

    def leaf(*shape: int, scale: float = 1.0) -> Tensor:
        return (torch.randn(*lead, *shape, dtype=x_proj.dtype) * scale).requires_grad_()

    return {
        "x": leaf(steps, batch, inputs),
        "weight_ih": leaf(width, inputs, scale=inputs**-0.5),
        "bias": leaf(width),
    }


def leaves(arguments: dict[str, Any]) -> list[Tensor]:
    """All tensors among the arguments that want a gradient."""
    found: list[Tensor] = []
    for value in arguments.values():
        for tensor in value if isinstance(value, tuple) else (value,):
            if isinstance(tensor, Tensor) and tensor.requires_grad:
                found.append(tensor)
    return found


def outputs_and_grads(
    scan: Callable[..., Any], arguments: dict[str, Any], **options: Any
) -> tuple[list[Tensor], list[Tensor]]:
    """Flat outputs, and gradients of a fixed random combination of all of them."""
    y, final = scan(**arguments, **options)
    outputs = [y, *(final if isinstance(final, tuple) else (final,))]
    generator = torch.Generator().manual_seed(7)
    loss = sum(
        (out * torch.randn(out.shape, generator=generator, dtype=torch.float64).to(out)).sum()
        for out in outputs
    )
    return outputs, list(torch.autograd.grad(loss, leaves(arguments)))


def assert_same(
    scan: Callable[..., Any], arguments: dict[str, Any], atol: float = 1e-11, **options: Any
) -> None:
    """The scan as configured equals `backend="reference"`: outputs and every gradient."""
    fast = outputs_and_grads(scan, arguments, **options)
    for key in ("backend",):
        options.pop(key, None)
    slow = outputs_and_grads(scan, arguments, backend="reference", **options)
    for ours, theirs in zip(fast[0] + fast[1], slow[0] + slow[1], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=atol)


def in_float32(arguments):
    """The same arguments in single precision, leaves again."""

    def lower(value):
        if isinstance(value, tuple):
            return tuple(lower(part) for part in value)
        return value.detach().float().requires_grad_(value.requires_grad)

    return {name: lower(value) for name, value in arguments.items()}
