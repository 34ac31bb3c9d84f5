"""The compiled scans where they differ from the loops: float32, threads, strides, tiles."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import torch

from lrs_kernels import cfc_scan
from lrs_kernels.native import layout
from lrs_kernels.native import scan as native
from lrs_kernels.native.call import FIELDS
from lrs_kernels.native.limits import Limits
from lrs_kernels.ops import known
from tests.lrs_kernels.cases import (
    CELLS,
    LAYERS,
    Layer,
    entry_of,
    in_float32,
    make_arguments,
    needs_native,
    outputs_and_grads,
)
from tests.lrs_kernels.told import overhear

pytestmark = needs_native

NARROW, ALL_IN_C, NOTHING_IN_C = Limits(64, 16, 100), Limits(*[float("inf")] * 3), Limits(0, 0, 0)


def go_by(monkeypatch, limits):
    """Let these decide what is multiplied in C."""
    for module in (layout, native, known):
        monkeypatch.setattr(module, "limits", lambda _: limits)


def relative_error(ours, exact):
    return ((ours.double() - exact).pow(2).mean() / exact.pow(2).mean()).sqrt().item()


@pytest.mark.parametrize(("scan", "gates"), [*CELLS, *LAYERS])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0], ids=["tiny", "usual", "saturating"])
def test_float32_is_as_exact_as_pytorch(scan, gates, scale):
    exact = make_arguments(scan, 64, 9, 40, gates, rank=4, density=0.7)
    with torch.no_grad():
        entry_of(exact).mul_(scale)
    low = in_float32(exact)
    truth = outputs_and_grads(scan, exact, backend="reference")
    native = outputs_and_grads(scan, low, backend="native")
    torchs = outputs_and_grads(scan, low, backend="reference")
    for ours, theirs, right in zip(
        native[0] + native[1], torchs[0] + torchs[1], truth[0] + truth[1], strict=True
    ):
        assert relative_error(ours, right) <= 3 * relative_error(theirs, right) + 1e-6


@pytest.mark.parametrize(("scan", "gates"), [*CELLS, *LAYERS])
@pytest.mark.parametrize("members", [None, 3])
def test_threads_do_not_change_a_bit(scan, gates, members):
    arguments = in_float32(make_arguments(scan, 40, 53, 33, gates, members, rank=5))
    torch.set_num_threads(1)
    one = outputs_and_grads(scan, arguments, backend="native")
    torch.set_num_threads(2)
    two = outputs_and_grads(scan, arguments, backend="native")
    torch.set_num_threads(1)
    assert all(map(torch.equal, one[0] + one[1], two[0] + two[1]))


@pytest.mark.parametrize(("scan", "gates"), LAYERS)
@pytest.mark.parametrize(("members", "batch"), [(None, 130), (None, 65), (3, 20)])
def test_a_chunk_of_steps_adds_the_same_after_all_of_them(scan, gates, members, batch):
    """On one thread products follow their steps, on two that share a member they come last."""
    arguments = in_float32(make_arguments(scan, 21, batch, 40, gates, members, rank=5, resets=True))
    torch.set_num_threads(1)
    one = outputs_and_grads(scan, arguments, backend="native")
    torch.set_num_threads(2)
    two = outputs_and_grads(scan, arguments, backend="native")
    torch.set_num_threads(1)
    assert all(map(torch.equal, one[0] + one[1], two[0] + two[1]))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("scan", "gates"), LAYERS)
def test_a_member_finds_what_it_finds_alone(scan, gates, threads):
    members = in_float32(make_arguments(scan, 9, 17, 33, gates, 4, rank=3, density=0.5))
    torch.set_num_threads(threads)
    outputs, _ = outputs_and_grads(scan, members, backend="native")
    torch.set_num_threads(1)

    def second(value):
        if isinstance(value, tuple):
            return tuple(second(part) for part in value)
        return value[1].detach().requires_grad_(value.requires_grad)

    alone = {name: second(value) for name, value in members.items()}
    y, *final = outputs_and_grads(scan, alone, backend="native")[0]
    assert torch.equal(y, outputs[0][1])
    assert all(torch.equal(mine, ours[1]) for mine, ours in zip(final, outputs[1:], strict=True))
    # Upstream gradients are drawn by shape, so those of one member are asked for by hand.
    together = torch.autograd.grad(_y(scan, members)[1].square().sum(), _leaves(members))
    single = torch.autograd.grad(_y(scan, alone).square().sum(), _leaves(alone))
    assert all(torch.equal(mine, ours[1]) for mine, ours in zip(single, together, strict=True))


def _y(scan, arguments):
    return scan(**arguments, backend="native")[0]


def _leaves(arguments):
    parts = [p for v in arguments.values() for p in (v if isinstance(v, tuple) else (v,))]
    return [part for part in parts if part.requires_grad]


def test_what_lies_far_is_found_all_the_same():
    """Beyond the caches of a core a step fetches what the next one reads."""
    arguments = make_arguments(Layer(cfc_scan), 80, 32, 64, 3, inputs=4, rank=2)
    want = outputs_and_grads(Layer(cfc_scan), arguments, backend="reference")
    got = outputs_and_grads(Layer(cfc_scan), arguments, backend="native")
    for ours, right in zip(got[0] + got[1], want[0] + want[1], strict=True):
        torch.testing.assert_close(ours, right, rtol=1e-9, atol=1e-11)


def test_the_structure_is_that_of_the_header():
    text = Path(native.__file__).with_name("scan.h").read_text()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S).partition("} Scan;")[0]
    assert tuple(re.findall(r"\*?(\w+)(?=[,;])", text)) == FIELDS


def test_the_polynomial_of_the_exponential_is_as_exact_as_is_said():
    text = Path(native.__file__).with_name("activations.h").read_text()
    said = float(re.search(r"least relative error, ([\d.e-]+)\.", text).group(1))
    body = text.partition("vec p = ")[2].partition("return")[0]
    highest_first = [float(number) for number in re.findall(r"([\d.]+)f", body)]
    r = torch.linspace(-math.log(2) / 2, math.log(2) / 2, 10_000, dtype=torch.float64)
    p = torch.zeros_like(r)
    for coefficient in torch.tensor(highest_first).double():  # as single precision holds them
        p = p * r + coefficient
    assert len(highest_first) == 5
    assert ((r + r * r * p) / torch.expm1(r) - 1).abs().max() < 1.02 * said


@pytest.mark.parametrize("members", [None, 2])
@pytest.mark.parametrize("density", [None, 0.4])
@pytest.mark.parametrize(
    ("hidden", "rank"),
    [(1, 1), (17, None), (20, 3), (64, 16), (40, 17), (66, 4)],
    ids=["one unit", "dense", "low rank", "narrow's largest rank", "larger rank", "larger H"],
)
@pytest.mark.parametrize("scan", [cfc_scan, Layer(cfc_scan)], ids=["scan", "layer"])
@pytest.mark.parametrize("in_c", [NARROW, ALL_IN_C], ids=["narrow", "wide"])
def test_weights_are_formed_and_their_gradients_gathered(
    monkeypatch, scan, hidden, rank, density, members, in_c
):
    go_by(monkeypatch, in_c)
    arguments = make_arguments(scan, 7, 11, hidden, 3, members, rank=rank, density=density)
    want = outputs_and_grads(scan, arguments, backend="reference")
    got = outputs_and_grads(scan, arguments, backend="native")
    for ours, right in zip(got[0] + got[1], want[0] + want[1], strict=True):
        torch.testing.assert_close(ours, right, rtol=1e-10, atol=1e-12)


def test_a_mask_may_be_boolean():
    arguments = make_arguments(cfc_scan, 3, 2, 12, 3, rank=2, density=0.5)
    want = cfc_scan(**arguments, backend="native")[0]
    arguments["mask"] = arguments["mask"].bool()
    assert torch.equal(cfc_scan(**arguments, backend="native")[0], want)


def test_gradients_of_more_steps_than_a_chunk_with_resets():
    arguments = make_arguments(cfc_scan, 50, 3, 10, 3, rank=4, density=0.6)
    resets = torch.rand(50, 3, generator=torch.Generator().manual_seed(1)) < 0.2
    want = outputs_and_grads(cfc_scan, {**arguments, "resets": resets}, backend="reference")
    got = outputs_and_grads(cfc_scan, {**arguments, "resets": resets}, backend="native")
    for ours, right in zip(got[1], want[1], strict=True):
        torch.testing.assert_close(ours, right, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("scan", "gates"), [*CELLS, *LAYERS])
def test_a_transposed_input_needs_no_copy_and_changes_nothing(scan, gates):
    plain = make_arguments(scan, 6, 4, 8, gates)
    name = next(iter(plain))
    turned = plain[name].detach().transpose(0, 1).contiguous().requires_grad_()
    want = scan(**plain, backend="native")[0]
    got = scan(**{**plain, name: turned.transpose(0, 1)}, backend="native")[0]
    torch.testing.assert_close(got, want, rtol=0, atol=0)
    # A transposed gradient comes back through the same strides.
    upstream = torch.randn(4, 6, 8, dtype=torch.float64).transpose(0, 1)
    (d_plain,) = torch.autograd.grad(want, plain[name], upstream)
    (d_turned,) = torch.autograd.grad(got, turned, upstream)
    torch.testing.assert_close(d_turned.transpose(0, 1), d_plain, rtol=0, atol=0)


@pytest.mark.parametrize("scan", [cfc_scan, Layer(cfc_scan)], ids=["scan", "layer"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_not_a_number_is_not_swallowed(scan, value):
    arguments = in_float32(make_arguments(scan, 2, 1, 16, 3, inputs=5))
    with torch.no_grad():
        entry_of(arguments)[0, 0, 3] = value
        y, _ = scan(**arguments, backend="native")
        reference, _ = scan(**arguments, backend="reference")
    assert torch.equal(y.isnan(), reference.isnan())


@pytest.mark.parametrize(("scan", "gates"), LAYERS)
@pytest.mark.parametrize(
    ("steps", "batch", "inputs", "hidden"),
    [(1, 1, 1, 1), (33, 1, 16, 8), (50, 2, 7, 17), (5, 11, 33, 16), (3, 53, 20, 5), (2, 50, 4, 66)],
    ids=["one of all", "one row", "few rows", "steps at once", "a last small tile", "by GEMM"],
)
@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_of_any_size_equals_the_loop(scan, gates, steps, batch, inputs, hidden, bias):
    arguments = make_arguments(scan, steps, batch, hidden, gates, inputs=inputs, rank=1)
    if not bias:
        arguments["bias"] = None
    want = outputs_and_grads(scan, arguments, backend="reference")
    got = outputs_and_grads(scan, arguments, backend="native")
    for ours, right in zip(got[0] + got[1], want[0] + want[1], strict=True):
        torch.testing.assert_close(ours, right, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("wanted", ["x", "weight_ih", "bias", "weight", "h0"])
def test_only_the_gradients_that_are_wanted_are_made(monkeypatch, wanted):
    arguments = make_arguments(Layer(cfc_scan), 4, 3, 8, 3)
    for name, tensor in arguments.items():
        tensor.requires_grad_(name == wanted)
    heard = overhear(monkeypatch)
    y, _ = Layer(cfc_scan)(**arguments, backend="native")
    y.sum().backward()
    _, (name, told) = heard
    made = {"x": {"dx"}, "weight": {"dw"}, "h0": set()}.get(wanted, {"dw_ih", "db_ih"})
    assert name == "backward" and arguments[wanted].grad.any()
    assert {field for field in ("dx", "dw_ih", "db_ih", "dw") if told[field]} == made


@pytest.mark.parametrize("members", [None, 2])
@pytest.mark.parametrize(("scan", "gates"), LAYERS)
def test_the_library_finds_the_same_beyond_the_limits(monkeypatch, scan, gates, members):
    arguments = make_arguments(scan, 5, 3, 6, gates, members, inputs=4, rank=2, resets=True)
    go_by(monkeypatch, ALL_IN_C)
    want = outputs_and_grads(scan, arguments, backend="native")
    for beyond in (NOTHING_IN_C, ALL_IN_C._replace(projection=0), ALL_IN_C._replace(hidden=0)):
        go_by(monkeypatch, beyond)
        got = outputs_and_grads(scan, arguments, backend="native")
        for ours, right in zip(got[0] + got[1], want[0] + want[1], strict=True):
            torch.testing.assert_close(ours, right, rtol=1e-10, atol=1e-12)
