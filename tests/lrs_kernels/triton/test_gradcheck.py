"""Numerical gradients of every input through the public functions, on the Triton backend."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from lrs_kernels import cfc_scan, gru_scan, lstm_scan, rnn_scan
from lrs_kernels.triton.choice import INTERPRETED
from tests.selection import long_only

pytestmark = pytest.mark.skipif(not INTERPRETED, reason="kernels are compiled in this process")

STEPS, BATCH, HIDDEN, RANK = 3, 5, 8, 3


def cfc(x: Tensor, w1: Tensor, w2: Tensor, h0: Tensor, extra: Tensor, **options: Any) -> Any:
    return cfc_scan(x, (w1, w2), h0, timespans=extra[:STEPS, :BATCH].square(), **options)


no_gate = partial(cfc, mode="no_gate")


def lstm(x: Tensor, w1: Tensor, w2: Tensor, h0: Tensor, extra: Tensor, **options: Any) -> Any:
    y, (h_n, c_n) = lstm_scan(x, (w1, w2), (h0, extra[:BATCH, :HIDDEN]), **options)
    return y, h_n, c_n


def gru(x: Tensor, w1: Tensor, w2: Tensor, h0: Tensor, extra: Tensor, **options: Any) -> Any:
    return gru_scan(x, (w1, w2), h0, bias_n=extra[0, :HIDDEN], **options)


def rnn(x: Tensor, w1: Tensor, w2: Tensor, h0: Tensor, extra: Tensor, **options: Any) -> Any:
    y, h_n = rnn_scan(x, (w1, w2), h0, **options)
    return y + extra.sum() * 0, h_n


@pytest.mark.parametrize(
    ("scan", "gates", "masked"),
    [
        *((cfc, 3, True), (gru, 3, False), (rnn, 1, True)),
        *map(long_only, [(lstm, 4, True), (cfc, 3, False), (cfc, 4, True), (gru, 3, True)]),
        *map(long_only, [(no_gate, 3, False), (no_gate, 4, True)]),
    ],
)
def test_gradients_equal_differences(scan: Callable[..., Any], gates: int, masked: bool) -> None:
    def leaf(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, requires_grad=True)

    inputs = (
        leaf(STEPS, BATCH, gates * HIDDEN),
        leaf(gates, HIDDEN, RANK),
        leaf(gates, RANK, HIDDEN),
        leaf(BATCH, HIDDEN),
        leaf(BATCH, HIDDEN),
    )
    mask = (torch.rand(gates, HIDDEN, HIDDEN) < 0.5).double() if masked else None
    resets = torch.rand(STEPS, BATCH) < 0.3

    def run(*leaves: Tensor) -> Tensor:
        """All outputs as one, since differences are taken for each one anew."""
        outputs = scan(*leaves, mask=mask, resets=resets, backend="triton")
        return torch.cat([part.flatten() for part in outputs])

    assert torch.autograd.gradcheck(run, inputs, fast_mode=True)
