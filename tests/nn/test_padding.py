"""Zeros in padding: whatever stood there, in every type, and differentiable like `masked_fill`."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lrs_lightning.nn import LRSGRU, LRSLSTM, LRSRNN, LRSCfC
from lrs_lightning.nn._padding import zero_padding

VALID = torch.tensor([[True, True, True], [True, False, True], [False, False, True]])  # (T, B)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -0.0])
def test_what_stood_in_padding_is_gone_and_all_else_is_kept_to_the_last_bit(dtype, odd):
    x = torch.randn(3, 3, 5).to(dtype)
    x[~VALID] = odd
    x[0, 0, 0] = odd
    found = zero_padding(x, VALID)
    assert found.dtype == dtype
    expected = x.masked_fill(~VALID.unsqueeze(-1), 0)
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
    assert torch.equal(found.signbit(), expected.signbit())


@settings(deadline=None, max_examples=25)
@given(
    steps=st.integers(1, 6),
    batch=st.integers(1, 6),
    size=st.integers(1, 70),
    more=st.integers(0, 3),
    seed=st.integers(0, 99),
)
def test_any_layout_is_taken(steps, batch, size, more, seed):
    torch.manual_seed(seed)
    valid = torch.rand(steps, batch) < 0.5
    for x in (
        torch.randn(batch, steps, size).transpose(0, 1),
        torch.randn(steps, batch, 2 * size)[..., ::2],
    ):
        found = zero_padding(x, valid, steps + more)
        assert torch.equal(found[:steps], x.masked_fill(~valid.unsqueeze(-1), 0))
        assert found.shape == (steps + more, batch, size) and not found[steps:].any()


@pytest.mark.parametrize("steps", [None, 5])
def test_gradients_are_right_to_the_second_order(steps):
    x = torch.randn(3, 3, 2, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, 3, 2, dtype=torch.float64, requires_grad=True)

    def squared(x, weight):
        return zero_padding(x.pow(2) * weight, VALID, steps)

    assert torch.autograd.gradcheck(squared, (x, weight))
    assert torch.autograd.gradgradcheck(squared, (x, weight))


def test_no_gradient_comes_out_of_padding():
    x = torch.randn(3, 3, 2, requires_grad=True)
    zero_padding(x, VALID).backward(
        torch.full((3, 3, 2), float("nan")).masked_fill(VALID[..., None], 1)
    )
    assert torch.equal(x.grad, VALID[..., None].expand(3, 3, 2).float())


def test_transforms_see_plain_operations():
    x = torch.randn(4, 3, 3, 2)
    expected = x.masked_fill(~VALID[..., None], 0)
    assert torch.equal(torch.vmap(lambda own: zero_padding(own, VALID))(x), expected)
    longer = torch.vmap(lambda own: zero_padding(own, VALID, 5))(x)
    assert torch.equal(longer[:, :3], expected) and not longer[:, 3:].any()
    _, tangent = torch.func.jvp(
        lambda own: zero_padding(own, VALID), (x[0],), (torch.ones(3, 3, 2),)
    )
    assert torch.equal(tangent, VALID[..., None].expand(3, 3, 2).float())


@pytest.mark.parametrize(
    ("layer", "small"),
    [
        (LRSRNN(2, 3), True),
        (LRSRNN(2, 3, nonlinearity="relu"), False),
        (LRSGRU(2, 3), True),
        (LRSCfC(2, 3), True),
        (LRSCfC(2, 3, mode="pure"), False),
    ],
)
def test_only_what_cannot_grow_runs_on_in_padding(layer, small):
    assert layer.stays_small is small
    with torch.no_grad():
        for part in layer.parameters():
            part.mul_(1e4)
    x = torch.randn(40, 2, 2, requires_grad=True)
    y, _ = layer(x, lengths=[40, 1])
    y.sum().backward()
    assert torch.equal(y[1:, 1], torch.zeros(39, 3))
    assert torch.equal(x.grad[1:, 1], torch.zeros(39, 2))


def test_a_cell_of_ones_own_is_not_trusted_by_its_parent():
    class Other(LRSGRU):
        cell = replace(LRSGRU.cell, native=None)

    assert not Other(2, 3).stays_small


def test_a_hold_of_ones_own_is_asked():
    asked = []

    class Other(LRSLSTM):
        def hold(self, x_proj, valid):
            asked.append(valid)
            return super().hold(x_proj, valid)

    torch.manual_seed(0)
    own, plain = Other(2, 3, num_layers=2), LRSLSTM(2, 3, num_layers=2)
    own.load_state_dict(plain.state_dict())
    x = torch.randn(7, 3, 2)
    (y, state), (expected, last) = own(x, lengths=[7, 5, 2]), plain(x, lengths=[7, 5, 2])
    assert len(asked) == 2, "once for each layer"
    torch.testing.assert_close((y, *state), (expected, *last))
