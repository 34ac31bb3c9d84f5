"""Which GPUs the kernels run on, and that plans are made from what a GPU has."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch

from lrs_kernels import dispatch, find_cell
from lrs_kernels.triton import device
from lrs_kernels.triton.cells import kernel_cell, kernel_cells
from lrs_kernels.triton.config import SMALLEST_ENTRY, block_rows, padded, plan, reach, shared_bytes
from lrs_kernels.triton.device import H100, Limits

CONSUMER = Limits(shared=101_376, multiprocessors=82)
"""A GeForce RTX 3090; a 4090 has as much shared memory."""


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    caches = (device.limits_of, device.obstacle, dispatch.choose)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def pretend(monkeypatch: pytest.MonkeyPatch, *capabilities: tuple[int, int]) -> None:
    """GPUs of these capabilities, with the limits of a consumer's."""
    found = SimpleNamespace(
        shared_memory_per_block_optin=CONSUMER.shared,
        multi_processor_count=CONSUMER.multiprocessors,
    )
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(capabilities))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: capabilities[index])
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"card {index}")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: found)


def test_limits_are_those_of_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    assert device.limits_of(torch.device("cpu")) == H100
    pretend(monkeypatch, (8, 6))
    assert device.limits_of(torch.device("cuda", 0)) == CONSUMER


@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("name", sorted(kernel_cells()))
def test_no_plan_takes_more_shared_memory_than_there_is(name: str, direction) -> None:
    """Every size and precision, on cards from 48 KB to an H100."""
    cell = kernel_cells()[name][1]
    for shared in (49_152, 65_536, CONSUMER.shared, 166_912, H100.shared):
        limits = Limits(shared, 100)
        for hidden in (16, 33, 64, 128, 256, 512):
            for precision in ("ieee", "tf32", "tf32x3", "bf16", "float64"):
                for masked in (False, True):
                    found = plan(cell, direction, hidden, 16, masked, precision, 32, limits=limits)
                    if found.path != "step":
                        rank = 16 if found.path == "factored" else 0
                        size = max(padded(hidden), SMALLEST_ENTRY)
                        taken = shared_bytes(cell, size, rank, precision, found.tile)
                        assert taken <= shared, found


def test_what_does_not_fit_a_card_takes_a_launch_per_step_and_says_why() -> None:
    cfc = kernel_cell(find_cell("cfc"), "paper", 3)
    usual = plan(cfc, "forward", 128, 8, True, "tf32", 32)
    assert usual.path == "resident"
    small = plan(cfc, "forward", 128, 8, True, "tf32", 32, limits=CONSUMER)
    assert small.path == "step"
    assert f"take {shared_bytes(cfc, 128, 0, 'tf32', usual.tile)} bytes on chip" in small.reason
    assert "a block of this GPU may use 101376" in small.reason


def test_matrices_in_registers_run_on_every_card() -> None:
    for _, cell in kernel_cells().values():
        sizes = reach(cell, CONSUMER)
        assert sizes["bf16"] >= 128, cell.name
        assert sizes["bf16"] <= reach(cell, H100)["bf16"]


def test_a_smaller_machine_is_full_sooner() -> None:
    assert block_rows(1056, 1) == 8
    assert block_rows(1056, 1, Limits(CONSUMER.shared, 60)) == 16


def test_explain_tells_up_to_which_size_one_launch_is_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pretend(monkeypatch, (8, 6))
    monkeypatch.setattr(dispatch, "has_triton", lambda: True)
    lines = dict(line.split(": ", 1) for line in dispatch.explain("cuda").splitlines())
    sizes = reach(kernel_cell(find_cell("lstm"), "standard", 4), CONSUMER)
    assert lines["lstm"].startswith("triton (inputs are on a GPU; one launch for a sequence up to")
    assert f"H = {sizes['bf16']} in bf16" in lines["lstm"]


@pytest.mark.parametrize(
    ("capabilities", "message"),
    [
        (((7, 5),), "GPU 0 (card 0) has compute capability 7.5 and the kernels need 8.0"),
        (((9, 0), (7, 0)), "GPU 1 (card 1) has compute capability 7.0"),
    ],
)
def test_old_cards_get_pytorch_calls(monkeypatch, capabilities, message) -> None:
    pretend(monkeypatch, *capabilities)
    monkeypatch.setattr(dispatch, "has_triton", lambda: True)
    choice = dispatch.choose("auto", find_cell("gru"), "standard", "cuda")
    assert choice.backend == "cpu"
    assert message in choice.reason
    with pytest.raises(ValueError, match="CUDA_VISIBLE_DEVICES can hide it"):
        dispatch.choose("triton", find_cell("gru"), "standard", "cuda")


def test_so_do_gpus_of_another_maker(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, (9, 0))
    monkeypatch.setattr(torch.version, "hip", "6.4")
    monkeypatch.setattr(dispatch, "has_triton", lambda: True)
    choice = dispatch.choose("auto", find_cell("rnn"), "tanh", "cuda")
    assert choice.backend == "cpu"
    assert "written for NVIDIA GPUs" in choice.reason
