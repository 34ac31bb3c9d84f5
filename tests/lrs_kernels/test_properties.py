"""What must hold for every scan, whatever its shape: over random shapes, ranks, densities, cuts."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lrs_kernels import cfc_scan, gru_scan, lstm_scan, rnn_scan
from tests.lrs_kernels.cases import (
    FORMS,
    LAYER_FORMS,
    Layer,
    assert_same,
    cell_of,
    entry_of,
    leaves,
    make_arguments,
    needs_native,
)

SCANS = [(cfc_scan, 3), (cfc_scan, 4), (lstm_scan, 4), (gru_scan, 3), (rnn_scan, 1)]
SCANS_AND_LAYERS = [*SCANS, *((Layer(scan), gates) for scan, gates in SCANS)]
BACKENDS = ["cpu", pytest.param("native", marks=needs_native)]
# What is a short list is enumerated; Hypothesis draws the rest. Drawn at random, a cell with a
# population may never come.
few = settings(max_examples=3, deadline=None, derandomize=True)
every_form = pytest.mark.parametrize(("scan", "gates", "variant"), [*FORMS, *LAYER_FORMS])
every_backend = pytest.mark.parametrize("backend", BACKENDS)
alone_and_population = pytest.mark.parametrize("members", [None, 3], ids=["alone", "population"])


def draw_scan(data, scan, gates, variant, members):
    """Random arguments for a cell, and the function with its variant."""
    torch.manual_seed(data.draw(st.integers(0, 2**31)))
    hidden = data.draw(st.integers(1, 35))
    options = {
        "members": members,
        "rank": data.draw(st.none() | st.integers(1, hidden)),
        "density": data.draw(st.sampled_from([None, 0.0, 0.3, 1.0])),
        "resets": data.draw(st.booleans()),
        "timespans": cell_of(scan) is cfc_scan and data.draw(st.booleans()),
    }
    if isinstance(scan, Layer):
        options["inputs"] = data.draw(st.integers(1, 35))
    steps, batch = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 9))
    return partial(scan, **variant), make_arguments(scan, steps, batch, hidden, gates, **options)


def outputs(result):
    y, final = result
    return [y, *(final if isinstance(final, tuple) else (final,))]


def over(arguments, pick):
    """The arguments with `pick(name, tensor)` in the place of every tensor."""
    return {
        name: tuple(pick(name, part) for part in value)
        if isinstance(value, tuple)
        else pick(name, value)
        for name, value in arguments.items()
    }


@every_backend
@every_form
@alone_and_population
@given(data=st.data())
@few
def test_equals_the_loop(backend, scan, gates, variant, members, data):
    assert_same(*draw_scan(data, scan, gates, variant, members), backend=backend)


@every_backend
@every_form
@given(data=st.data())
@few
def test_a_population_equals_its_members_alone(backend, scan, gates, variant, data):
    scan, arguments = draw_scan(data, scan, gates, variant, data.draw(st.integers(1, 3)))
    together = outputs(scan(**arguments, backend=backend))
    for member in range(len(entry_of(arguments))):
        alone = scan(**over(arguments, lambda _, part, p=member: part[p]), backend=backend)
        for one, all_of_them in zip(outputs(alone), together, strict=True):
            torch.testing.assert_close(one, all_of_them[member], rtol=0, atol=1e-13)


@every_backend
@every_form
@alone_and_population
@given(data=st.data())
@few
def test_two_halves_equal_one_whole(backend, scan, gates, variant, members, data):
    scan, arguments = draw_scan(data, scan, gates, variant, members)
    steps = entry_of(arguments).shape[-3]
    cut = data.draw(st.integers(1, max(1, steps - 1)))
    whole = outputs(scan(**arguments, backend=backend))

    def part(begin, end):
        def pick(name, tensor):
            if name in ("x", "x_proj"):
                return tensor[..., begin:end, :, :]
            return tensor[..., begin:end, :] if name in ("timespans", "resets") else tensor

        return over(arguments, pick)

    y, state = scan(**part(0, cut), backend=backend)
    if cut < steps:
        second = part(cut, steps)
        second["state" if "state" in second else "h0"] = state
        later, state = scan(**second, backend=backend)
        y = torch.cat([y, later], dim=-3)
    for got, want in zip(outputs((y, state)), whole, strict=True):
        torch.testing.assert_close(got, want, rtol=0, atol=1e-13)


@every_backend
@every_form
@given(data=st.data())
@few
def test_rows_of_a_batch_do_not_know_each_other(backend, scan, gates, variant, data):
    scan, arguments = draw_scan(data, scan, gates, variant, None)
    order = torch.tensor(data.draw(st.permutations(range(entry_of(arguments).shape[1]))))

    def shuffle(name, tensor):
        if name in ("weight", "mask", "bias_n", "weight_ih", "bias"):
            return tensor
        return tensor.index_select(0 if name in ("h0", "state") else 1, order)

    want = scan(**arguments, backend=backend)[0].index_select(1, order)
    got = scan(**over(arguments, shuffle), backend=backend)[0]
    torch.testing.assert_close(got, want, rtol=0, atol=1e-13)


@every_backend
@every_form
@alone_and_population
@given(data=st.data())
@few
def test_strides_do_not_matter(backend, scan, gates, variant, members, data):
    scan, arguments = draw_scan(data, scan, gates, variant, members)

    def scatter(_, tensor, axis):
        if not tensor.is_floating_point():
            return tensor
        axis = max(axis, -tensor.dim())
        wide = tensor.detach().repeat_interleave(2, axis).movedim(axis, -1)
        wide[..., 1::2] = torch.nan
        return wide[..., ::2].movedim(-1, axis)

    want = scan(**arguments, backend=backend)[0]
    for axis in (-1, -2):  # gaps between numbers, or between rows that are packed themselves
        scattered = over(arguments, partial(scatter, axis=axis))
        torch.testing.assert_close(scan(**scattered, backend=backend)[0], want)


@pytest.mark.parametrize(
    ("scan", "gates", "backend"),
    [
        *((*form, "cpu") for form in SCANS),
        *(pytest.param(*form, "native", marks=needs_native) for form in SCANS_AND_LAYERS),
    ],
)
def test_gradcheck(scan, gates, backend):
    spans = cell_of(scan) is cfc_scan
    made = make_arguments(scan, 3, 2, 4, gates, rank=2, density=0.7, resets=True, timespans=spans)

    def run(*tensors):
        flat = iter(tensors)
        # The order of `leaves`, which is that of the arguments.
        filled = over(made, lambda _, part: next(flat) if part.requires_grad else part)
        return tuple(outputs(scan(**filled, backend=backend)))

    assert torch.autograd.gradcheck(run, leaves(made))


@pytest.mark.parametrize("backend", BACKENDS)
def test_masked_connections_get_no_gradient(backend):
    made = make_arguments(cfc_scan, 4, 2, 5, 3, density=0.4)
    y, _ = cfc_scan(**made, backend=backend)
    (grad,) = torch.autograd.grad(y.sum(), made["weight"])
    assert (grad[made["mask"] == 0] == 0).all() and (grad[made["mask"] == 1] != 0).any()


@pytest.mark.parametrize("backend", ["reference", *BACKENDS])
@pytest.mark.parametrize(("scan", "gates"), SCANS)
def test_an_all_ones_mask_equals_the_factored_product(scan, gates, backend):
    made = make_arguments(scan, 4, 3, 6, gates, rank=2)
    w1, w2 = made["weight"]
    ones = torch.ones(gates, 6, 6, dtype=torch.float64)
    masked = scan(**made, mask=ones, backend=backend)[0]
    torch.testing.assert_close(scan(**made, backend=backend)[0], masked, rtol=0, atol=0)
    # One step by hand, through the factors: h W2^T W1^T, never their product.
    state = made["state"][0] if "state" in made else made["h0"]
    factored = torch.cat([state @ w2[g].mT @ w1[g].mT for g in range(gates)], dim=-1)
    direct = state @ (w1 @ w2).flatten(0, 1).mT
    torch.testing.assert_close(factored, direct, rtol=0, atol=1e-13)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("scan", "gates"), SCANS)
def test_a_zero_mask_leaves_no_path_between_steps_but_the_gates_own(scan, gates, backend):
    made = make_arguments(scan, 4, 3, 6, gates, density=0.0)
    y = scan(**made, backend=backend)[0]
    (into_start,) = torch.autograd.grad(y[-1].sum(), leaves(made)[2], allow_unused=True)
    if scan in (cfc_scan, rnn_scan):  # LSTM and GRU carry their state past the products
        assert not into_start.any()
    else:
        assert into_start.isfinite().all()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("scan", "gates"), SCANS)
def test_saturated_gates_give_finite_gradients(scan, gates, dtype, backend):
    made = make_arguments(scan, 6, 3, 5, gates, dtype=dtype)
    made["x_proj"] = (made["x_proj"].detach() * 1e4).requires_grad_()
    y = scan(**made, backend=backend)[0]
    assert y.isfinite().all()
    if scan in (cfc_scan, lstm_scan):
        assert y.abs().max() <= 1
    assert all(grad.isfinite().all() for grad in torch.autograd.grad(y.sum(), leaves(made)))
