"""Scans of bfloat16 and float16: computed in float32, or stored so, and rounded at the borders."""

from __future__ import annotations

import pytest
import torch

from lrs_kernels import dispatch, recurrent_layer, recurrent_scan
from lrs_kernels.low_precision import all_in
from lrs_kernels.ops.function import Kept, Setting, forward_trace, input_grads
from lrs_kernels.passes import Upstream
from lrs_kernels.triton import launch
from tests.lrs_kernels.triton.calls import Case, make, prepare, rms_ratio

GATES = {"cfc": 3, "lstm": 4, "gru": 3, "rnn": 1}
INPUTS = 7


def leaves(cell: str, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """A layer, its input and its initial states; T 6, B 3, H 8, rank 2."""
    gates, generator = GATES[cell], torch.Generator().manual_seed(1)
    shapes = {
        "x": (6, 3, INPUTS), "weight_ih": (gates * 8, INPUTS), "bias": (gates * 8,),
        "w1": (gates, 8, 2), "w2": (gates, 2, 8), "h0": (3, 8),
    }  # fmt: skip
    if cell == "lstm":
        shapes["c0"] = (3, 8)
    drawn = {name: torch.randn(shape, generator=generator) / 2 for name, shape in shapes.items()}
    return {name: part.to(dtype).requires_grad_() for name, part in drawn.items()}


def train(cell: str, given: dict[str, torch.Tensor], backend: str) -> list[torch.Tensor]:
    """Outputs and gradients of everything."""
    states = tuple(given[name] for name in ("h0", "c0") if name in given)
    mask = torch.ones(GATES[cell], 8, 8, dtype=torch.bool)
    y, final = recurrent_layer(
        cell, given["x"], given["weight_ih"], given["bias"], (given["w1"], given["w2"]), states,
        mask=mask, resets=torch.eye(6, 3), backend=backend,
    )  # fmt: skip
    loss = sum(part.float().square().sum() for part in (y, *final))
    return [y, *final, *torch.autograd.grad(loss, list(given.values()))]


@pytest.mark.parametrize("backend", ["auto", "cpu", "reference", "triton"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
@pytest.mark.parametrize("cell", GATES)
def test_low_types_are_close_to_float64(cell: str, dtype: torch.dtype, backend: str) -> None:
    given = leaves(cell, dtype)
    exact = {name: part.detach().double().requires_grad_() for name, part in given.items()}
    found, expected = train(cell, given, backend), train(cell, exact, "reference")
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == dtype
        assert rms_ratio(one, other) < 2e-2


@pytest.mark.parametrize("cell", GATES)
def test_on_a_cpu_nothing_but_the_borders_is_rounded(cell: str) -> None:
    """States over time are float32, so the outputs are those of float32, rounded once."""
    torch.manual_seed(0)
    gates = GATES[cell]
    x, weight = torch.randn(300, 2, gates * 8).bfloat16(), torch.randn(gates, 8, 8).bfloat16() / 3
    exact, _ = recurrent_scan(cell, x.float(), weight.float())
    assert torch.equal(recurrent_scan(cell, x, weight)[0], exact.bfloat16())


def test_float32_may_stand_beside_a_low_type() -> None:
    given = leaves("cfc", torch.bfloat16)
    mixed = given | {"h0": given["h0"].detach().float().requires_grad_()}
    assert torch.equal(train("cfc", mixed, "auto")[0], train("cfc", given, "auto")[0])


def test_triton_is_given_bfloat16_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[torch.dtype]] = []
    look_at = launch.look_at

    def spy(tensors):
        given = [t for t in tensors if t is not None and t.is_floating_point()]
        seen.append({t.dtype for t in given})
        return look_at(tensors)

    monkeypatch.setattr(launch, "look_at", spy)
    train("gru", leaves("gru", torch.bfloat16), "triton")
    assert seen == [{torch.bfloat16}] * 2
    train("gru", leaves("gru", torch.float16), "triton")
    assert seen[2:] == [{torch.float32}] * 2


@pytest.mark.parametrize("cell", GATES)
def test_a_backend_without_bfloat16_is_lifted_by_the_node_too(cell: str) -> None:
    """Where a compiler could not ask which backend will run."""
    call = make(Case(rank=3, mask=0.5, resets=True), cell, torch.bfloat16)
    recurrence, inputs = prepare(call, cell)
    setting = Setting(recurrence, dispatch.load("cpu"))
    trace = forward_trace(setting, inputs)
    upstream = Upstream(call.dy, call.d_final)
    kept = Kept(inputs.without_x_proj(), trace)
    grads = input_grads(setting, upstream, kept)
    for part in (*trace, *grads):
        assert part is None or part.dtype == torch.bfloat16
    exact = forward_trace(setting, all_in(inputs, torch.float32))
    assert torch.equal(trace.states, exact.states.bfloat16())
