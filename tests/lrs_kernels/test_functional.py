"""The public functions against the reference loops: values, every gradient, every option."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from lrs_kernels import cfc_scan, gru_scan, lstm_scan, rnn_scan

from tests.lrs_kernels.cases import assert_same, make_scan

SHAPES = [(1, 1, 1), (2, 3, 5), (7, 4, 8)]  # T, B, H
CELLS = [(cfc_scan, 3), (lstm_scan, 4), (gru_scan, 3), (rnn_scan, 1)]


def arguments(scan, *shape, **options):
    """Random arguments under the names the function has for them."""
    made = make_scan(*shape, **options)
    h0 = made["h0"]
    if scan is lstm_scan:
        made["state"] = (made.pop("h0"), torch.randn_like(h0).requires_grad_())
    if scan is gru_scan:
        made["bias_n"] = torch.randn_like(h0).select(-2, 0).clone().requires_grad_()
    return made


@pytest.mark.parametrize(("scan", "gates"), CELLS)
@pytest.mark.parametrize(("steps", "batch", "hidden"), SHAPES)
@pytest.mark.parametrize("members", [None, 1, 3])
@pytest.mark.parametrize(("rank", "density"), [(None, None), (None, 0.5), (2, None), (3, 0.4)])
@pytest.mark.usefixtures("poisoned_empty")
def test_equals_the_loop(scan, gates, steps, batch, hidden, members, rank, density):
    made = arguments(scan, steps, batch, hidden, gates, members, rank, density)
    assert_same(scan, made, backend="cpu")


@pytest.mark.parametrize(
    ("gates", "mode", "resets", "timespans", "members"),
    list(product((3, 4), ("default", "no_gate"), (False, True), (False, True), (None, 2))),
)
@pytest.mark.usefixtures("poisoned_empty")
def test_cfc_options_equal_the_loop(gates, mode, resets, timespans, members):
    scan = make_scan(5, 3, 4, gates, members, 2, 0.5, resets, timespans)
    assert_same(cfc_scan, scan, backend="cpu", mode=mode)


@pytest.mark.parametrize(("scan", "gates"), CELLS)
@pytest.mark.parametrize("members", [None, 2])
@pytest.mark.usefixtures("poisoned_empty")
def test_resets_equal_the_loop(scan, gates, members):
    assert_same(scan, arguments(scan, 6, 3, 4, gates, members, resets=True), backend="cpu")


@pytest.mark.usefixtures("poisoned_empty")
def test_relu_equals_the_loop():
    assert_same(rnn_scan, make_scan(5, 3, 4, 1), backend="cpu", nonlinearity="relu")


def test_resets_may_come_as_numbers():
    scan = make_scan(5, 3, 4, 3, resets=True)
    as_numbers = {**scan, "resets": scan["resets"].double()}
    assert torch.equal(cfc_scan(**scan)[0], cfc_scan(**as_numbers)[0])
