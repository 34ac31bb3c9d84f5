"""What is prepared for a kind of call, and kept: no tensor, and no more than so many kinds."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from lrs_kernels.passes import Inputs, Recurrence
from lrs_kernels.triton import choice, launch
from lrs_kernels.triton.choice import INTERPRETED
from lrs_kernels.triton.config import Plan
from lrs_kernels.triton.looks import look_at
from lrs_kernels.triton.operands import device_of
from lrs_kernels.triton.prepared import Prepared, prepared_backward, prepared_forward
from lrs_kernels.triton.table import Tile
from tests.lrs_kernels.triton.calls import Case, make, prepare, run_kernels


def known(recurrence: Recurrence, inputs: Inputs, device: str = "cpu", **save: bool) -> Prepared:
    asked = (
        recurrence.cell, recurrence.variant, recurrence.precision, torch.device(device),
        choice.plan,
    )  # fmt: skip
    options = {"save": True, "save_time": False} | save
    return prepared_forward(asked, options["save"], options["save_time"], look_at(inputs))


def example(**sizes: Any) -> tuple[Recurrence, Inputs]:
    return prepare(make(Case(rank=3, mask=0.5, **sizes), "cfc", torch.float32), "cfc", "bf16")


def test_calls_that_look_alike_are_prepared_once() -> None:
    recurrence, inputs = example()
    _, others = example()
    assert known(recurrence, inputs) is known(replace(recurrence), others)


def test_whatever_decides_a_launch_tells_calls_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    recurrence, inputs = example(members=2)
    x, h0 = inputs.x_proj, inputs.h0
    first = known(recurrence, inputs)
    moved = torch.zeros(x.numel() + 1)[1:].view_as(x)
    changed: list[dict[str, Any]] = [
        {"x_proj": moved},
        {"x_proj": x.transpose(1, 2).contiguous().transpose(1, 2)},
        {"x_proj": x[:, :-1]},
        {"x_proj": x[:, :, :-1], "h0": h0[:, :-1]},
        {"h0": h0.bfloat16()},
        {"h0": h0.mT.contiguous().mT},
        {"mask": None},
        {"w1": inputs.w1[:1].expand_as(inputs.w1)},
        {"w1": inputs.w1[..., :2].contiguous(), "w2": inputs.w2[:, :, :2].contiguous()},
        {"timespans": torch.rand(x.shape[:-1])},
        {"resets": torch.rand(x.shape[:-1]) < 0.5},
    ]
    found = [known(recurrence, inputs._replace(**change)) for change in changed]
    found += [known(replace(recurrence, precision=name), inputs) for name in ("ieee", "tf32")]
    found += [known(replace(recurrence, variant="no_gate"), inputs)]
    found += [known(recurrence, inputs, device) for device in ("cuda:0", "cuda:1")]
    found += [known(recurrence, inputs, save=False), known(recurrence, inputs, save_time=True)]
    monkeypatch.setattr(choice, "plan", lambda *_: Plan("step", 8, Tile(4), "a test"))
    found += [known(recurrence, inputs)]
    assert len({id(one) for one in (first, *found)}) == 1 + len(found)
    assert found[-1].in_steps and not first.in_steps
    assert found[0].choice.constants is not first.choice.constants  # it cannot be read in pairs
    assert first.written[2] is not None and known(recurrence, inputs, save=False).written[2] is None
    assert found[8].choice.constants.R == 2


def test_sizes_without_end_are_not_kept() -> None:
    recurrence, inputs = example(steps=1, batch=1)
    most = prepared_forward.cache_info().maxsize
    assert most == prepared_backward.cache_info().maxsize == 1024
    for steps in range(1, most + 20):
        known(recurrence, inputs._replace(x_proj=inputs.x_proj.expand(-1, steps, -1, -1)))
    assert prepared_forward.cache_info().currsize == most


@pytest.mark.parametrize(("current", "changed"), [(0, True), (1, False)])
def test_a_launch_goes_to_the_device_of_its_tensors(
    current: int, changed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = SimpleNamespace(is_cuda=True, get_device=lambda: 1)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: current)
    guard: Any = device_of(there)
    assert isinstance(guard, torch.cuda.device) == changed
    assert not changed or guard.idx == 1


@pytest.mark.skipif(not INTERPRETED, reason="kernels are compiled in this process")
def test_what_is_kept_holds_no_tensor() -> None:
    call = make(Case(members=2, rank=3, mask=0.5, resets=True), "lstm")
    found = run_kernels(call, cell="lstm")
    tensors = [part for part in (*vars(call).values(), *found.values()) if part is not None]
    left = [weakref.ref(part) for part in tensors if isinstance(part, torch.Tensor)]
    assert len(left) > 10
    del call, found, tensors
    gc.collect()
    assert not any(reference() is not None for reference in left)


@pytest.mark.skipif(not INTERPRETED, reason="kernels are compiled in this process")
def test_a_pass_in_inference_mode_leaves_nothing_to_the_next() -> None:
    recurrence, inputs = prepare(make(Case(rank=3), "cfc"), "cfc")
    with torch.inference_mode():
        inside = launch.forward(recurrence, inputs).states
    outside = launch.forward(recurrence, inputs).states
    assert inside.is_inference() and not outside.is_inference()
    assert torch.equal(inside, outside)


@pytest.mark.skipif(not INTERPRETED, reason="kernels are compiled in this process")
def test_another_plan_is_followed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    recurrence, inputs = example(members=2)
    before = launch.forward(recurrence, inputs).states
    in_steps = []
    usual = launch.run_forward_steps
    monkeypatch.setattr(launch, "run_forward_steps", lambda *a: in_steps.append(a) or usual(*a))
    monkeypatch.setattr(choice, "plan", lambda *_: Plan("step", 8, Tile(4), "a test"))
    after = launch.forward(recurrence, inputs).states
    assert len(in_steps) == 1
    torch.testing.assert_close(before, after, rtol=0.1, atol=0.1)


@pytest.mark.skipif(not INTERPRETED, reason="kernels are compiled in this process")
def test_a_change_in_place_is_seen() -> None:
    recurrence, inputs = prepare(make(Case(rank=3, mask=0.5), "gru"), "gru")
    before = launch.forward(recurrence, inputs).states
    inputs.w1.mul_(2)
    after = launch.forward(recurrence, inputs).states
    copied = Inputs(*(None if part is None else part.clone() for part in inputs))
    assert not torch.equal(before, after)
    assert torch.equal(after, launch.forward(recurrence, copied).states)


@pytest.mark.skipif(not INTERPRETED, reason="kernels are compiled in this process")
def test_resets_may_be_integers_in_any_order() -> None:
    recurrence, inputs = prepare(make(Case(members=2, resets=True), "rnn"), "rnn")
    expected = launch.forward(recurrence, inputs).states
    turned = inputs.resets.int().transpose(1, 2).contiguous().transpose(1, 2)
    assert torch.equal(launch.forward(recurrence, inputs._replace(resets=turned)).states, expected)
