"""Calls of one signature are judged once, and what is remembered fits every later call."""

from __future__ import annotations

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from lrs_kernels import cfc_scan, gru_scan, lstm_scan, signature
from lrs_kernels.ops import known
from tests.lrs_kernels.cases import make_scan


@pytest.fixture(autouse=True)
def _forget():
    for remembered in (signature._remembered, known._directly):
        remembered.cache_clear()
    yield
    signature._remembered.cache_clear()


def judged():
    """How many signatures have been judged."""
    return signature._remembered.cache_info().misses


@pytest.mark.parametrize("backend", ["auto", "cpu"])
def test_a_signature_is_judged_once(backend):
    for _ in range(3):
        cfc_scan(**make_scan(3, 2, 4, 3), backend=backend)
    assert judged() == 1
    cfc_scan(**make_scan(4, 2, 4, 3), backend=backend)
    gru_scan(**make_scan(3, 2, 4, 3), backend=backend)
    assert judged() == 3


def test_a_refusal_comes_every_time():
    made = make_scan(3, 2, 4, 3)
    cfc_scan(**made)
    for wrong in ({"h0": torch.zeros(2, 5)}, {"mask": torch.zeros(3, 4, 5)}):
        for _ in range(2):
            with pytest.raises(ValueError, match="has shape"):
                cfc_scan(**{**made, **wrong})
    for _ in range(2):
        with pytest.raises(TypeError, match=r"h0 is torch.float32 but x_proj is torch.float64"):
            cfc_scan(**{**made, "h0": torch.zeros(2, 4)})


def test_a_tensor_may_change_between_calls():
    made = {name: part.detach() for name, part in make_scan(3, 2, 4, 3).items()}
    x = made["x_proj"]
    assert not cfc_scan(**made)[0].requires_grad
    x.requires_grad_()
    y, _ = cfc_scan(**made)
    y.sum().backward()
    assert x.grad.any()
    x.requires_grad_(False).data = x.float()
    with pytest.raises(TypeError, match=r"weight is torch.float64 but x_proj is torch.float32"):
        cfc_scan(**made)
    x.data = torch.zeros(3, 1, 12, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"h0 has shape \(2, 4\), expected \(1, 4\)"):
        cfc_scan(**made)


def test_names_of_extra_inputs_and_numbers_of_states_count():
    made = make_scan(3, 2, 4, 3)
    weight, x, flat = made["weight"], made["x_proj"], torch.ones(3, 2, dtype=torch.float64)
    plain = cfc_scan(x, weight)[0]
    assert torch.equal(cfc_scan(x, weight, made["h0"] * 0)[0], plain)
    assert not torch.equal(cfc_scan(x, weight, timespans=flat * 2)[0], plain)
    # The same kinds of tensors in other places.
    assert torch.equal(cfc_scan(x, weight, timespans=flat)[0], plain)
    assert not torch.equal(cfc_scan(x, weight, resets=flat, h0=made["h0"])[0], plain)
    lstm = make_scan(3, 2, 4, 4)
    with pytest.raises(ValueError, match="1 states for lstm, expected 2"):
        lstm_scan(lstm["x_proj"], lstm["weight"], (lstm["h0"],))


def test_sizes_that_are_symbols_have_no_hash_and_are_judged_all_the_same():
    made = make_scan(3, 2, 4, 3)
    mode = FakeTensorMode(shape_env=ShapeEnv())
    fake = {name: mode.from_tensor(part.detach()) for name, part in made.items()}
    assert isinstance(fake["x_proj"].shape[0], torch.SymInt)
    y, h_n = cfc_scan(**fake)
    assert y.shape == (3, 2, 4) and h_n.shape == (2, 4)
    with pytest.raises(ValueError, match="h0 has shape"):
        cfc_scan(**{**fake, "h0": mode.from_tensor(torch.zeros(7, 4, dtype=torch.float64))})
