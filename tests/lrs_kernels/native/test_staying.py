"""Weights that stay: packed once, the same to the last bit, known again only as they are."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

from lrs_kernels import recurrent_layer, recurrent_scan
from lrs_kernels.native.call import Functions
from lrs_kernels.native.staying import PackedWeights, weights_stay
from tests.lrs_kernels.cases import needs_native
from tests.lrs_kernels.told import overhear

pytestmark = needs_native
HIDDEN, INPUTS, RANK, GATES = 21, 9, 3, {"cfc": 3, "lstm": 4, "gru": 3, "rnn": 1}
FORMS = ["factors", "factors and mask", "dense", "dense and mask"]


def layer(cell, form, lead=(), dtype=torch.float32):
    """Weights of a layer, and a function that takes a step of it."""
    g = GATES[cell]
    weight = torch.randn(*lead, g, HIDDEN, HIDDEN, dtype=dtype)
    if "factors" in form:
        weight = weight[..., :RANK].clone(), weight[..., :RANK, :].clone()
    mask = (torch.rand(*lead, g, HIDDEN, HIDDEN) < 0.5).to(dtype) if "mask" in form else None
    w_ih = torch.randn(*lead, g * HIDDEN, INPUTS, dtype=dtype)
    x = torch.randn(*lead, 1, 5, INPUTS, dtype=dtype)
    h = torch.randn(*lead, 5, HIDDEN, dtype=dtype)
    state = (h, h.clone()) if cell == "lstm" else (h,)

    def step():
        y, _ = recurrent_layer(cell, x, w_ih, None, weight, state, mask=mask, backend="native")
        return y

    return (*(weight if isinstance(weight, tuple) else (weight,)), w_ih), step


@pytest.fixture
def told(monkeypatch):
    """Whether each call of C so far found its weights there."""
    heard = overhear(monkeypatch)
    return lambda: [bool(told["ready"]) if told["packed"] else None for _, told in heard]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("lead", [(), (4,)])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cell", GATES)
def test_the_numbers_are_the_same_to_the_last_bit(told, cell, form, lead, dtype):
    _, step = layer(cell, form, lead, dtype)
    with torch.no_grad():
        expected = step()
        with weights_stay(PackedWeights()):
            assert all(torch.equal(step(), expected) for _ in range(3))
        assert torch.equal(step(), expected)
    assert told() == [None, False, True, True, None]


@pytest.mark.parametrize("changed", range(3))
def test_weights_that_are_written_to_are_packed_again(told, changed):
    weights, step = layer("cfc", "factors and mask")
    with torch.no_grad(), weights_stay(PackedWeights()):
        step(), step()
        weights[changed].mul_(2)
        found = step()
    assert told() == [False, True, False]
    with torch.no_grad():
        assert torch.equal(found, step())


def test_two_layers_do_not_take_each_other_s(told):
    packed = PackedWeights()
    steps = [layer("cfc", "factors")[1], layer("lstm", "dense")[1], layer("cfc", "factors")[1]]
    with torch.no_grad():
        expected = [step() for step in steps]
        with weights_stay(packed):
            for _ in range(2):
                assert all(torch.equal(s(), e) for s, e in zip(steps, expected, strict=True))
    assert told()[3:] == [False] * 3 + [True] * 3


def test_two_layers_of_one_recurrent_weight_are_two(told):
    weight, state = torch.randn(3, HIDDEN, HIDDEN), (torch.zeros(5, HIDDEN),)
    x = torch.randn(1, 5, 3 * HIDDEN)
    with torch.no_grad(), weights_stay(PackedWeights()):
        recurrent_scan("cfc", x, weight, state, backend="native")
        w_ih = torch.randn(3 * HIDDEN, INPUTS)
        recurrent_layer("cfc", x[..., :INPUTS], w_ih, None, weight, state, backend="native")
    assert told() == [False, False]


def test_weights_made_anew_in_every_call_fill_no_memory():
    packed = PackedWeights()
    with torch.no_grad(), weights_stay(packed):
        for _ in range(40):
            layer("rnn", "dense")[1]()
    assert len(packed._places) <= 16


def test_what_is_trained_is_never_kept(told):
    (w1, *_), step = layer("cfc", "factors")
    w1.requires_grad_()
    with weights_stay(PackedWeights()):
        step().sum().backward()
    assert told() == [None, None]  # forward and backward


def test_tensors_of_inference_mode_are_packed_in_every_call(told):
    with torch.inference_mode(), weights_stay(PackedWeights()):
        _, step = layer("cfc", "factors")
        assert torch.equal(step(), step())
    assert told() == [None, None]


def test_copies_are_empty():
    packed = PackedWeights()
    with torch.no_grad(), weights_stay(packed):
        layer("cfc", "dense")[1]()
    assert packed._places
    for other in (copy.deepcopy(packed), pickle.loads(pickle.dumps(packed))):
        assert not other._places


def test_a_call_that_fails_leaves_nothing_half_packed(told, monkeypatch):
    _, step = layer("cfc", "factors")
    whole = Functions.forward

    def fails(*_):
        monkeypatch.setattr(Functions, "forward", whole)
        raise MemoryError

    with torch.no_grad(), weights_stay(PackedWeights()):
        monkeypatch.setattr(Functions, "forward", fails)
        with pytest.raises(MemoryError):
            step()
        found = step()
    assert told() == [False]
    with torch.no_grad():
        assert torch.equal(found, step())
