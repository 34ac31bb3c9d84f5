"""A dense layer whose rows do not depend on each other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.func import grad, vmap

from lrs_kernels.native import linear as module
from lrs_kernels.native.linear import has_rowwise_linear, rowwise_affine, rowwise_linear

pytestmark = pytest.mark.skipif(not has_rowwise_linear(), reason="no compiled C")
SIZES = [(1, 1), (17, 128), (64, 6), (16, 16), (33, 17), (5, 200)]


def parts(inner, columns, rows=40, dtype=torch.float32):
    draw = torch.Generator().manual_seed(0)
    shapes = (rows, inner), (columns, inner), (columns,)
    return [torch.randn(shape, generator=draw, dtype=dtype) for shape in shapes]


@pytest.mark.parametrize(("inner", "columns"), SIZES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_row_is_the_same_whatever_stands_beside_it(inner, columns, dtype):
    x, weight, bias = parts(inner, columns, dtype=dtype)
    whole = rowwise_linear(x, weight, bias)
    rounding = 1e-12 if dtype == torch.float64 else 1e-4
    torch.testing.assert_close(
        whole, torch.nn.functional.linear(x, weight, bias), rtol=rounding, atol=rounding
    )
    order = torch.randperm(40, generator=torch.Generator().manual_seed(1))
    assert torch.equal(rowwise_linear(x[order], weight, bias), whole[order])
    for rows in range(1, 41):
        assert torch.equal(rowwise_linear(x[40 - rows :], weight, bias), whole[40 - rows :])


def test_the_order_of_sums_is_that_of_the_inputs():
    # In doubles, x_0 w_0 + x_1 w_1 + x_2 w_2 is 1 from left to right, and 0 in other orders.
    x = torch.tensor([[1e30, -1e30, 1.0]], dtype=torch.float64)
    assert rowwise_linear(x, torch.ones(1, 3, dtype=torch.float64)).item() == 1
    assert rowwise_linear(x.flip(1), torch.ones(1, 3, dtype=torch.float64)).item() == 0


def test_any_leading_axes_and_strides():
    x, weight, bias = parts(17, 9, rows=24)
    expected = rowwise_linear(x, weight, bias).view(2, 3, 4, 9)
    assert torch.equal(rowwise_linear(x.view(2, 3, 4, 17), weight, bias), expected)
    transposed = weight.T.contiguous().T
    assert not transposed.is_contiguous()
    assert torch.equal(rowwise_linear(x, transposed, bias), expected.flatten(0, 2))
    assert rowwise_linear(x[:0], weight, bias).shape == (0, 9)
    assert torch.equal(rowwise_linear(x, weight), rowwise_linear(x, weight, torch.zeros(9)))


def members_apart(x, weight, bias):
    return torch.stack([rowwise_linear(*own) for own in zip(x, weight, bias, strict=True)])


@pytest.fixture
def calls(monkeypatch):
    """How many members each call of C has."""
    seen, call = [], module._call

    def counting(suffix, sizes, *rest):
        seen.append(sizes[0])
        call(suffix, sizes, *rest)

    monkeypatch.setattr(module, "_call", counting)
    return seen


@pytest.mark.parametrize(("inner", "columns"), SIZES)
def test_members_are_one_call(inner, columns, calls):
    scales = torch.tensor([1.0, 2.0, -3.0], dtype=torch.float64)
    x, weight, bias = (
        torch.stack([own * scale for scale in scales])
        for own in parts(inner, columns, 5, torch.float64)
    )
    expected = members_apart(x, weight, bias)
    calls.clear()
    assert torch.equal(rowwise_linear(x, weight, bias), expected)
    assert torch.equal(vmap(rowwise_linear)(x, weight, bias), expected)
    turned = weight.transpose(0, 1).contiguous(), bias.T.contiguous()
    assert torch.equal(vmap(rowwise_linear, (0, 1, 1))(x, *turned), expected)
    assert calls == [3, 3, 3]


def test_maps_of_some_parts_and_maps_within_maps(calls):
    x, weight, bias = parts(17, 9, 24)
    expected = rowwise_linear(x, weight, bias)
    over_rows = vmap(lambda own: rowwise_linear(own, weight, bias), 1, 1)
    assert torch.equal(over_rows(x.view(4, 6, 17)), expected.view(4, 6, 9))
    assert torch.equal(over_rows(x[:, None]).squeeze(1), expected)
    weights = torch.stack([weight, -weight])
    one_x = vmap(lambda own: rowwise_linear(x, own), 0)
    assert torch.equal(one_x(weights), torch.stack([rowwise_linear(x, w) for w in weights]))
    biases = torch.stack([bias, bias + 1])
    one_weight = vmap(lambda own: rowwise_linear(x, weight, own))
    apart = torch.stack([rowwise_linear(x, weight, b) for b in biases])
    assert torch.equal(one_weight(biases), apart)
    calls.clear()
    both = vmap(vmap(rowwise_linear, (None, 0, None)), (None, 2, 0))
    stacked = torch.stack([weights, weights * 2, weights / 2], dim=2)  # (2, O, 3, I)
    found = both(x, stacked, torch.stack([bias, bias - 1, bias * 2]))
    assert found.shape == (3, 2, 24, 9) and calls == [6]
    assert torch.equal(found[1, 1], rowwise_linear(x, weights[1] * 2, bias - 1))
    rows_within = vmap(vmap(rowwise_linear, (1, None, None), 1), (None, 0, 0))
    found = rows_within(x.view(4, 6, 17), weights, biases)
    assert torch.equal(found[1], rowwise_linear(x, weights[1], biases[1]).view(4, 6, 9))


def test_other_transforms_are_refused():
    x, weight, bias = parts(3, 2)
    with pytest.raises(RuntimeError, match=r"no transform but torch\.vmap"):
        grad(lambda own: rowwise_linear(own, weight, bias).sum())(x)


def test_numpy_has_the_same_numbers():
    x, weight, bias = parts(17, 33)
    found = rowwise_affine(x.numpy(), np.ascontiguousarray(weight.T.numpy()), bias.numpy())
    np.testing.assert_array_equal(found, rowwise_linear(x, weight, bias).numpy())


def test_what_does_not_fit_is_refused():
    x, weight, bias = parts(3, 2)
    several = weight.expand(2, 2, 3), bias.expand(2, 2)
    for wrong in (
        (x[:, :2], weight, bias),
        (x, weight, bias[:1]),
        (x, weight[0], bias),
        (x[:3], *several),
        (x[:2], several[0], bias),
    ):
        with pytest.raises(ValueError, match="does not fit"):
            rowwise_linear(*wrong)
    with pytest.raises(ValueError, match="of one type"):
        rowwise_linear(x, weight.double(), bias)
    with pytest.raises(ValueError, match="single or double"):
        rowwise_linear(x.half(), weight.half(), bias.half())
    arrays = x.numpy(), weight.T.numpy(), bias.numpy()
    with pytest.raises(ValueError, match="do not fit together"):
        rowwise_affine(arrays[0][:, :2], *arrays[1:])
    with pytest.raises(ValueError, match="single precision"):
        rowwise_affine(arrays[0].astype(float), *arrays[1:])


def test_without_a_compiler_it_says_so(monkeypatch):
    monkeypatch.setattr(module, "_functions", lambda: None)
    assert not has_rowwise_linear()
    with pytest.raises(RuntimeError, match="no compiled C"):
        rowwise_linear(*parts(3, 2))
