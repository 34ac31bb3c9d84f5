"""The registered operators: PyTorch's own checks, `torch.compile`, autocast, refusals."""

from __future__ import annotations

import pytest
import torch
from torch import library

import lrs_kernels  # noqa: F401  (registers the operators)
from lrs_kernels import cfc_scan
from lrs_kernels.passes import Inputs
from lrs_kernels.recurrent import Recurrent
from tests.lrs_kernels.cases import (
    CELLS,
    LAYERS,
    Layer,
    make_arguments,
    make_scan,
    needs_native,
    outputs_and_grads,
)

_H0 = Inputs._fields.index("h0")
CHECKED = [*CELLS, *LAYERS[1:3]]
"""PyTorch's own checks take seconds: of the layers those with the most inputs."""
DENSE: dict[str, object] = {}
MASKED = {"rank": 2, "density": 0.5, "members": 2, "resets": True}


def operator_inputs(scan, gates, **options):
    """Flat inputs of the operator, as `Inputs` orders them."""
    made = make_arguments(scan, 3, 2, 4, gates, **options)
    h0, c0 = made.get("state", (made.get("h0"), None))
    recurrent = Recurrent.of(made["weight"], made.get("mask"))
    spans, resets = made.get("timespans"), made.get("resets")
    others = {"c0": c0, "timespans": spans, "resets": resets, "bias_n": made.get("bias_n")}
    others |= {"x": made.get("x"), "w_ih": made.get("weight_ih"), "b_ih": made.get("bias")}
    return Inputs.of(made.get("x_proj"), recurrent, h0, **others)


def variant_of(scan):
    return {"rnn_scan": "tanh", "cfc_scan": "paper"}.get(scan.__name__, "standard")


@pytest.mark.parametrize(("scan", "gates"), CHECKED)
@pytest.mark.parametrize(
    ("backend", "options"),
    [
        pytest.param("cpu", DENSE, id="cpu-dense"),
        pytest.param("auto", MASKED, id="auto-masked-population"),
        pytest.param("auto", DENSE, id="auto-dense", marks=pytest.mark.long),
        pytest.param("cpu", MASKED, id="cpu-masked-population", marks=pytest.mark.long),
    ],
)
def test_opcheck_of_the_forward_operator(scan, gates, options, backend):
    names = (scan.__name__.removesuffix("_scan"), variant_of(scan), "ieee", backend)
    flat = operator_inputs(scan, gates, **options)
    library.opcheck(torch.ops.lrs_kernels.scan, (*flat, *names, True, False))


def test_opcheck_with_timespans():
    flat = operator_inputs(cfc_scan, 3, timespans=True)
    arguments = (*flat, "cfc", "paper", "ieee", "cpu", True, True)
    library.opcheck(torch.ops.lrs_kernels.scan, arguments)


@pytest.mark.parametrize(("scan", "gates"), CHECKED)
def test_opcheck_of_the_backward_operator(scan, gates):
    flat = [
        None if part is None else part.detach()
        for part in operator_inputs(scan, gates, rank=2, density=0.5)
    ]
    names = (scan.__name__.removesuffix("_scan"), variant_of(scan), "ieee", "cpu")
    states, _, *rest = torch.ops.lrs_kernels.scan(*flat, *names, True, False)
    arguments = (torch.randn_like(states), None, None, *flat[1:], states, *rest, *names)
    library.opcheck(torch.ops.lrs_kernels.scan_backward, (*arguments, *(True,) * 4))
    library.opcheck(torch.ops.lrs_kernels.scan_backward, (*arguments, *(False,) * 4))
    unwanted = torch.ops.lrs_kernels.scan_backward(*arguments, *(False,) * 4)
    left = Inputs(*(grad.numel() > 0 for grad in unwanted))
    assert not any(left[1:])
    assert torch.ops.lrs_kernels.scan_backward(*arguments, *(False,) * 3, True)[_H0].numel() > 0


@pytest.mark.parametrize(("scan", "gates"), CHECKED)
@pytest.mark.parametrize("options", [DENSE, MASKED], ids=["dense", "masked-population"])
def test_compiles_in_one_graph(scan, gates, options):
    made = make_arguments(scan, 3, 2, 4, gates, **options)
    torch._dynamo.reset()
    compiled = torch.compile(scan, fullgraph=True, backend="aot_eager")
    ours, theirs = outputs_and_grads(compiled, made), outputs_and_grads(scan, made)
    for one, other in zip(ours[0] + ours[1], theirs[0] + theirs[1], strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_compiles_with_timespans_and_without_gradients():
    made = make_scan(3, 2, 4, 3, timespans=True)
    torch._dynamo.reset()
    compiled = torch.compile(cfc_scan, fullgraph=True, backend="aot_eager")
    ours, theirs = outputs_and_grads(compiled, made), outputs_and_grads(cfc_scan, made)
    for one, other in zip(ours[0] + ours[1], theirs[0] + theirs[1], strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)
    with torch.no_grad():
        torch.testing.assert_close(compiled(**made)[0], theirs[0][0], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("scan", "gates"), CELLS)
def test_autocast_keeps_the_state_in_float32(scan, gates):
    made = make_arguments(scan, 3, 2, 4, gates, dtype=torch.float32)
    plain = scan(**made)[0]
    with torch.autocast("cpu", torch.bfloat16):
        lowered = torch.nn.functional.linear(torch.randn(3, 2, 4), torch.randn(4 * gates, 4))
        assert lowered.dtype == torch.bfloat16
        y = scan(**{**made, "x_proj": lowered})[0]
        kept = scan(**made)[0]
        flat = [None if t is None else t.float() for t in operator_inputs(scan, gates)]
        names = (scan.__name__.removesuffix("_scan"), variant_of(scan), "ieee", "cpu")
        by_operator = torch.ops.lrs_kernels.scan(
            flat[0].bfloat16(), *flat[1:], *names, False, False
        )
    assert y.dtype == by_operator[0].dtype == torch.float32
    assert torch.equal(kept, plain)


@pytest.mark.parametrize("path", ["eager", "operator"])
def test_a_second_derivative_is_refused_in_one_sentence(path):
    made = make_scan(3, 2, 4, 3)
    if path == "eager":
        y, _ = cfc_scan(**made)
    else:
        recurrent = Recurrent.of(made["weight"])
        flat = Inputs.of(made["x_proj"], recurrent, made["h0"])
        names = ("cfc", "paper", "ieee", "cpu", True, False)
        y = torch.ops.lrs_kernels.scan(*flat, *names)[0]
    with pytest.raises(RuntimeError, match="pass backend='reference' to differentiate twice"):
        (grad,) = torch.autograd.grad(y.pow(2).sum(), made["x_proj"], create_graph=True)
        grad.pow(2).sum().backward()


def test_the_reference_differentiates_twice():
    made = make_scan(2, 1, 3, 3)
    names = ("x_proj", "weight", "h0")

    def run(*tensors):
        return cfc_scan(**dict(zip(names, tensors, strict=True)), backend="reference")[0]

    assert torch.autograd.gradgradcheck(run, [made[name] for name in names])


@pytest.mark.parametrize("hidden", [5, 72])  # gradients of weights in C, and by the library's GEMM
@pytest.mark.parametrize("backend", [pytest.param("native", marks=needs_native), "cpu"])
@pytest.mark.parametrize("scan, gates", CELLS)
def test_passes_under_autocast_are_those_without(scan, gates, backend, hidden):
    arguments = make_arguments(scan, 5, 3, hidden, gates, rank=2, resets=True, dtype=torch.float32)
    outside = outputs_and_grads(scan, arguments, backend=backend)
    with torch.autocast("cpu", torch.bfloat16):  # the way back too
        inside = outputs_and_grads(scan, arguments, backend=backend)
    for ours, theirs in zip(inside[0] + inside[1], outside[0] + outside[1], strict=True):
        assert ours.dtype == theirs.dtype == torch.float32 and torch.equal(ours, theirs)


def test_compilers_record_no_graph_around_a_scan() -> None:
    for operator in (torch.ops.lrs_kernels.scan, torch.ops.lrs_kernels.scan_backward):
        assert torch.Tag.cudagraph_unsafe in operator.default.tags


def test_a_layer_under_autocast_lowers_its_projection_alone() -> None:
    made = make_arguments(Layer(cfc_scan), 5, 3, 8, 3, dtype=torch.float32)
    x, weight_ih, bias, *_ = made.values()
    rest = {name: made[name] for name in ("weight", "h0")}
    with torch.autocast("cpu", torch.bfloat16):
        lowered = torch.nn.functional.linear(x, weight_ih, bias)
        y, _ = Layer(cfc_scan)(**made)
    assert lowered.dtype == torch.bfloat16 and torch.equal(y, cfc_scan(lowered.float(), **rest)[0])
