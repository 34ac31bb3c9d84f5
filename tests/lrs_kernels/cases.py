"""Random scans of every kind, in float64, and the comparison of two ways to run them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from lrs_kernels import cfc_scan, find_cell, gru_scan, lstm_scan, rnn_scan
from lrs_kernels.native import load_library

CELLS = [
    pytest.param(cfc_scan, 3, id="cfc"),
    pytest.param(lstm_scan, 4, id="lstm"),
    pytest.param(gru_scan, 3, id="gru"),
    pytest.param(rnn_scan, 1, id="rnn"),
]
"""The function of a cell, and how many recurrent matrices it has."""

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


def make_arguments(scan: Callable[..., Any], *shape: Any, **options: Any) -> dict[str, Any]:
    """`make_scan` under the names that this function has for its arguments."""
    made = make_scan(*shape, **options)
    h0 = made["h0"]
    if scan is lstm_scan:
        made["state"] = (made.pop("h0"), torch.randn_like(h0).requires_grad_())
    if scan is gru_scan:
        made["bias_n"] = torch.randn_like(h0).select(-2, 0).clone().requires_grad_()
    return made


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
