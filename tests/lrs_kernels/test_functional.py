"""The public functions against the reference loops: values, every gradient, every option."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from lrs_kernels import cfc_scan, rnn_scan
from tests.lrs_kernels.cases import (
    CELLS,
    LAYERS,
    assert_same,
    make_arguments,
    make_scan,
    needs_native,
)

BACKENDS = ["cpu", pytest.param("native", marks=needs_native)]
FORMS = [(3, "paper"), (4, "default"), (3, "no_gate"), (4, "no_gate")]
SHAPES = [(1, 1, 1), (2, 3, 5), (7, 4, 8)]  # T, B, H


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("scan", "gates"), [*CELLS, *LAYERS])
@pytest.mark.parametrize(("steps", "batch", "hidden"), SHAPES)
@pytest.mark.parametrize("members", [None, 1, 3])
@pytest.mark.parametrize(("rank", "density"), [(None, None), (None, 0.5), (2, None), (3, 0.4)])
@pytest.mark.usefixtures("poisoned_empty")
def test_equals_the_loop(scan, gates, steps, batch, hidden, members, rank, density, backend):
    made = make_arguments(scan, steps, batch, hidden, gates, members, rank, density)
    assert_same(scan, made, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("form", "resets", "timespans", "members"),
    list(product(FORMS, (False, True), (False, True), (None, 2))),
)
@pytest.mark.usefixtures("poisoned_empty")
def test_cfc_options_equal_the_loop(form, resets, timespans, members, backend):
    gates, mode = form
    scan = make_scan(5, 3, 4, gates, members, 2, 0.5, resets, timespans)
    assert_same(cfc_scan, scan, backend=backend, mode=mode)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("scan", "gates"), [*CELLS, *LAYERS])
@pytest.mark.parametrize("members", [None, 2])
@pytest.mark.usefixtures("poisoned_empty")
def test_resets_equal_the_loop(scan, gates, members, backend):
    assert_same(scan, make_arguments(scan, 6, 3, 4, gates, members, resets=True), backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.usefixtures("poisoned_empty")
def test_relu_equals_the_loop(backend):
    assert_same(rnn_scan, make_scan(5, 3, 4, 1), backend=backend, nonlinearity="relu")


def test_resets_may_come_as_numbers():
    scan = make_scan(5, 3, 4, 3, resets=True)
    as_numbers = {**scan, "resets": scan["resets"].double()}
    assert torch.equal(cfc_scan(**scan)[0], cfc_scan(**as_numbers)[0])
