"""The short way to C: when it is taken, and that it finds what the long one does."""

from __future__ import annotations

import pytest
import torch

from lrs_kernels import cfc_scan, lstm_scan
from lrs_kernels.ops import known, run
from lrs_kernels.ops.direct import DirectScan
from tests.lrs_kernels.cases import (
    CELLS,
    LAYERS,
    Layer,
    in_float32,
    make_arguments,
    needs_native,
    outputs_and_grads,
)

pytestmark = needs_native
MADE = [
    {},
    {"rank": 2, "density": 0.5, "resets": True},
    {"members": 3, "rank": 3, "density": 0.5, "resets": True},
]


@pytest.fixture
def calls(monkeypatch):
    """How many scans have gone the short way so far."""
    seen, taken = [], run.run_directly

    def noting(*given):
        seen.append(given)
        return taken(*given)

    monkeypatch.setattr(run, "run_directly", noting)
    return seen


@pytest.mark.parametrize("options", MADE, ids=["dense", "masked", "population"])
@pytest.mark.parametrize(("scan", "gates"), [*CELLS, *LAYERS])
def test_it_finds_what_the_long_way_finds_to_the_last_bit(monkeypatch, calls, scan, gates, options):
    arguments = in_float32(make_arguments(scan, 6, 5, 9, gates, **options))
    short = outputs_and_grads(scan, arguments, backend="native")
    assert len(calls) == 1
    monkeypatch.setattr(run, "directly", lambda *given: None)
    long = outputs_and_grads(scan, arguments, backend="native")
    assert len(calls) == 1
    assert all(map(torch.equal, short[0] + short[1], long[0] + long[1]))


def test_time_spans_too(monkeypatch, calls):
    arguments = make_arguments(Layer(cfc_scan), 6, 5, 9, 4, timespans=True)
    short = outputs_and_grads(Layer(cfc_scan), arguments, backend="native")
    monkeypatch.setattr(run, "directly", lambda *given: None)
    long = outputs_and_grads(Layer(cfc_scan), arguments, backend="native")
    assert len(calls) == 1
    assert all(map(torch.equal, short[0] + short[1], long[0] + long[1]))


@pytest.mark.parametrize("asked", ["create_graph", "is_grads_batched"])
def test_the_way_back_may_be_looked_at(calls, asked):
    arguments = make_arguments(cfc_scan, 4, 3, 5, 3, rank=2)
    leaves = [arguments["x_proj"], *arguments["weight"], arguments["h0"]]
    y, _ = cfc_scan(**arguments, backend="native")
    assert len(calls) == 1
    if asked == "create_graph":
        got = torch.autograd.grad(y.sum(), leaves, create_graph=True)
        with pytest.raises(RuntimeError, match="first derivatives only"):
            got[0].sum().backward()
    else:
        with pytest.raises(RuntimeError, match=r"map of torch\.autograd"):
            torch.autograd.grad(y, leaves, torch.randn(2, *y.shape), is_grads_batched=True)
        return
    want = torch.autograd.grad(cfc_scan(**arguments, backend="reference")[0].sum(), leaves)
    for ours, right in zip(got, want, strict=True):
        torch.testing.assert_close(ours, right, rtol=1e-10, atol=1e-12)


def test_a_projected_sequence_is_not_kept_and_a_changed_one_is_noticed():
    arguments = make_arguments(lstm_scan, 4, 3, 5, 4)
    y, *_ = lstm_scan(**arguments, backend="native")
    kept = {t.data_ptr() for t in y.grad_fn.saved_tensors if t is not None}
    assert isinstance(y.grad_fn, DirectScan._backward_cls)
    assert arguments["x_proj"].data_ptr() not in kept
    with torch.no_grad():
        arguments["weight"].mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_gradients_of_the_initial_state_are_made_where_they_are_wanted():
    arguments = make_arguments(lstm_scan, 4, 3, 5, 4)
    state = tuple(part.detach() for part in arguments["state"])
    y, *_ = lstm_scan(**arguments | {"state": state}, backend="native")
    without = torch.autograd.grad(y.sum(), arguments["weight"])
    y, *_ = lstm_scan(**arguments, backend="native")
    both = torch.autograd.grad(y.sum(), (arguments["weight"], *arguments["state"]))
    assert torch.equal(without[0], both[0])
    assert all(part.any() for part in both[1:])


@pytest.mark.parametrize("mode", ["no_grad", "inference_mode"])
def test_nothing_is_kept_where_no_gradient_is_wanted(calls, mode):
    arguments = make_arguments(cfc_scan, 4, 3, 5, 3, rank=2)
    want = cfc_scan(**arguments, backend="native")
    with getattr(torch, mode)():
        got = cfc_scan(**arguments, backend="native")
    assert len(calls) == 2 and not got[0].requires_grad
    assert all(map(torch.equal, want, got))


@pytest.mark.parametrize("other", [lambda w: w[..., :2, :2], lambda w: w.half()])
def test_weights_that_were_exchanged_for_smaller_ones_are_not_read(other):
    arguments = make_arguments(lstm_scan, 4, 3, 5, 4)
    y, *_ = lstm_scan(**arguments, backend="native")
    arguments["weight"].data = other(arguments["weight"].data)
    with pytest.raises(RuntimeError, match="another size"):
        y.sum().backward()


@pytest.mark.parametrize("other", [lambda x: x[:2], lambda x: x.half(), lambda x: x.view(2, 6, 5)])
@pytest.mark.parametrize("wanted", [True, False])
def test_nor_is_an_input_that_was_exchanged(other, wanted):
    arguments = make_arguments(Layer(lstm_scan), 4, 3, 5, 4, inputs=5)
    x = arguments["x"].detach().requires_grad_(wanted)
    y, *_ = Layer(lstm_scan)(**arguments | {"x": x}, backend="native")
    x.data = other(x.data)
    with pytest.raises(RuntimeError, match="another size"):
        y.sum().backward()


def test_zeros_lie_where_c_reads_them():
    """Whatever device new tensors go to by default."""
    x, weight = torch.randn(4, 37, 3 * 11), torch.randn(3, 11, 11) / 4
    with torch.device("meta"):
        y, _ = cfc_scan(x, weight, backend="native")
    torch.testing.assert_close(y, cfc_scan(x, weight, backend="reference")[0])


@pytest.mark.parametrize("graph", [True, False])
def test_what_a_transform_has_left_is_read_as_what_is_within(graph):
    x, weight = torch.randn(4, 2, 3 * 5), torch.randn(3, 5, 5) / 4
    left = []
    torch.func.grad(lambda x: (left.append(x), x.sum())[1])(x)
    with torch.set_grad_enabled(graph):
        y, _ = cfc_scan(left[0], weight.requires_grad_(), backend="native")
        assert torch.equal(y, cfc_scan(x, weight, backend="native")[0])
    if graph:
        y.sum().backward()
        assert weight.grad.any()


def test_nothing_is_compiled_for_other_backends(monkeypatch):
    monkeypatch.setattr(known, "load_library", lambda _: pytest.fail("it was"))
    arguments = make_arguments(cfc_scan, 4, 3, 5, 3)
    for backend in ("cpu", "reference"):
        cfc_scan(**arguments, backend=backend)
