"""A closed loop by graphed steps equals the scan over the whole sequence."""

from __future__ import annotations

import pytest
import torch

from lrs_kernels import GraphedStep, cfc_scan
from tests.lrs_kernels.cases import make_scan


def loop(device):
    made = make_scan(7, 3, 8, 3, rank=2, density=0.5, dtype=torch.float32)
    x = made["x_proj"].detach().to(device)
    weight = tuple(part.detach().to(device) for part in made["weight"])
    mask, h = made["mask"].to(device), made["h0"].detach().to(device)
    want, _ = cfc_scan(x, weight, h, mask=mask)
    step = GraphedStep(lambda row, state: cfc_scan(row, weight, state, mask=mask), x[:1], h)
    rows = []
    for row in x.split(1):
        y, h = step(row, h)
        rows.append(y.clone())
    torch.testing.assert_close(torch.cat(rows), want, rtol=0, atol=1e-6)
    return step


def test_without_a_gpu_the_function_is_called():
    assert not loop("cpu").recorded


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_on_a_gpu_a_graph_is_replayed():
    assert loop("cuda").recorded


def test_another_shape_is_refused():
    step = GraphedStep(lambda x: (x,), torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"inputs have shapes \[\(1, 3\)\], expected"):
        step(torch.zeros(1, 3))
