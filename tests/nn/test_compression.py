"""A compressed weight is never that of other numbers, however these have come about."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch.func import functional_call

from lrs_lightning.nn import LRSCfC
from lrs_lightning.nn.compression import magnitude_mask, truncate

KINDS = [{"eval_rank": 2}, {"eval_sparsity": 0.6}]


def expected(layer, options):
    weight = layer.weight_hh_l0.detach().view(3, 8, 8)
    if "eval_rank" in options:
        return truncate(weight, 2)
    return weight * magnitude_mask(weight, 0.6)


CHANGES = {
    "in place": lambda p: p.mul_(0.5),
    "through data": lambda p: p.data.mul_(0.5),
    "new data": lambda p: setattr(p, "data", torch.randn(24, 8)),
    "one entry": lambda p: p.data[3].zero_(),
}


@pytest.mark.parametrize("options", KINDS, ids=str)
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen(options, change):
    layer = LRSCfC(3, 8, **options).eval()
    for _ in range(10):
        torch.testing.assert_close(layer.recurrent_weight(), expected(layer, options))
        with torch.no_grad():
            CHANGES[change](layer.weight_hh_l0)
        torch.testing.assert_close(layer.recurrent_weight(), expected(layer, options))


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_functional_call_sees_its_own_weights(options):
    layer = LRSCfC(3, 8, **options).eval()
    for _ in range(20):  # addresses are used again
        weight = torch.randn(24, 8)
        x = torch.randn(4, 2, 3)
        y = functional_call(layer, {"weight_hh_l0": weight}, (x,))[0]
        plain = LRSCfC(3, 8).eval()
        plain.load_state_dict(layer.state_dict())
        matrices = weight.view(3, 8, 8)
        cut = truncate(matrices, 2) if "eval_rank" in options else None
        cut = matrices * magnitude_mask(matrices, 0.6) if cut is None else cut
        plain.weight_hh_l0.data.copy_(cut.reshape(24, 8))
        torch.testing.assert_close(y, plain(x)[0])


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_gradients_after_inference_mode(options):
    layer = LRSCfC(3, 8, **options).eval()
    x = torch.randn(4, 2, 3)
    with torch.inference_mode():
        before = layer(x)[0]
    y = layer(x)[0]
    y.sum().backward()
    torch.testing.assert_close(y, before)
    assert layer.weight_ih_l0.grad.isfinite().all()


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_bfloat16(options):
    layer = LRSCfC(3, 8, init="glorot", **options).eval()
    exact = layer.recurrent_weight().clone()
    assert layer.bfloat16().recurrent_weight().dtype == torch.bfloat16
    torch.testing.assert_close(layer.recurrent_weight().float(), exact, rtol=0, atol=0.05)


def test_an_unchanged_weight_is_decomposed_once(monkeypatch):
    calls = []
    layer = LRSCfC(3, 8, eval_rank=2).eval()
    compress = layer.compression.compress
    monkeypatch.setattr(layer.compression, "compress", lambda w: calls.append(1) or compress(w))
    for _ in range(5):
        layer(torch.randn(1, 2, 3))
    assert len(calls) == 1


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
def test_a_copy_takes_no_result_along(copied):
    layer = LRSCfC(3, 8, eval_rank=2).eval()
    layer(torch.randn(1, 2, 3))
    other = copied(layer.compression)
    assert layer.compression._kept and other._kept == {}
    assert vars(other) == vars(layer.compression) | {"_kept": {}}
