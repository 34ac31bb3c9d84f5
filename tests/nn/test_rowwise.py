"""Dense layers that are PyTorch's in training, and row by row where a policy is played."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lrs_kernels.native.limits import Limits
from lrs_kernels.native.linear import has_rowwise_linear
from lrs_lightning.nn import LRSLSTM, LRSCfC, rowwise, running
from lrs_lightning.nn.rowwise import Dense, computes_rows_apart, rows_apart

in_c = pytest.mark.skipif(not has_rowwise_linear(), reason="no compiled C")


def test_it_is_the_layer_of_torch_outside():
    torch.manual_seed(0)
    ours, theirs, x = Dense(5, 3), nn.Linear(5, 3), torch.randn(7, 5)
    theirs.load_state_dict(ours.state_dict())
    assert torch.equal(ours(x), theirs(x))
    with rows_apart():
        assert torch.equal(ours(x), theirs(x)) and ours(x).requires_grad
    with torch.inference_mode():
        assert torch.equal(ours(x), theirs(x))


@in_c
def test_rows_are_apart_within(monkeypatch):
    calls, true = [], rowwise.rowwise_linear
    monkeypatch.setattr(rowwise, "rowwise_linear", lambda *a: calls.append(0) or true(*a))
    layer, x = Dense(300, 3), torch.randn(9, 300)
    with torch.inference_mode():
        with rows_apart():
            whole = layer(x)
            assert all(torch.equal(layer(x[i : i + 1]), whole[i : i + 1]) for i in range(9))
        layer(x)
    assert len(calls) == 10
    torch.testing.assert_close(whole, layer(x))


@in_c
@pytest.mark.parametrize(
    ("module", "apart"),
    [
        (Dense(2, 2), True),
        (Dense(2, 2).half(), False),
        (nn.Sequential(Dense(2, 2), nn.ReLU()), True),
        (nn.Sequential(Dense(2, 2), nn.Linear(2, 2)), False),
        (nn.Conv2d(1, 1, 2), False),
        (LRSCfC(3, 4, rank=2), True),
        (LRSCfC(3, 4, rank=2, backend="cpu"), False),
        (LRSCfC(3, 4, rank=2, gate="removed"), True),
        (LRSLSTM(3, 4, proj_size=2), False),
    ],
    ids=lambda value: value if isinstance(value, bool) else type(value).__name__,
)
def test_what_is_known_to_be_apart(module, apart):
    assert computes_rows_apart(module) is apart


@in_c
def test_a_projection_that_is_left_to_the_library_is_not_apart(monkeypatch):
    layer = LRSCfC(3000, 16)
    monkeypatch.setattr(running, "limits", lambda _: Limits(64, 16, 131_072))
    assert not computes_rows_apart(layer)
    monkeypatch.setattr(running, "limits", lambda _: Limits(64, 16, float("inf")))
    assert computes_rows_apart(layer)
