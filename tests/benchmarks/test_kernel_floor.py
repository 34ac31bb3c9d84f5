"""The columns that a GPU fills: the model behind them, and who is held to which floor."""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("triton")

from benchmarks import kernels
from benchmarks._timing import Timing
from benchmarks.kernel_cases import Case
from benchmarks.kernel_floor import (
    cell_and_precision,
    floor_ms,
    floor_share,
    peak_memory_mb,
)
from benchmarks.kernel_roofline import floor_us

CASE = Case(32, 256, 128, 64)


@pytest.mark.parametrize(
    ("case", "waves", "rows"),
    [
        pytest.param(CASE, 1, 8, id="four programs of eight rows"),
        pytest.param(Case(1024, 32, 128, 64), 1, 8, id="128 programs, one for each multiprocessor"),
        pytest.param(Case(32, 32, 0, 64, 40), 2, 8, id="160 programs are two waves"),
        pytest.param(Case(4096, 32, 128, 64), 2, 16, id="sixteen rows where the machine is full"),
        pytest.param(Case(1, 32, 128, 33), 1, 8, id="a hidden size that is padded"),
    ],
)
def test_the_floor_is_steps_times_waves_times_the_model(case, waves, rows):
    hidden = 64
    forward = floor_us("cfc", "forward", "bf16", hidden, 0, rows) * case.steps * waves / 1e3
    back = floor_us("cfc", "backward", "bf16", hidden, 0, rows) * case.steps * waves / 1e3
    assert floor_ms("forward", "cfc", case, "bf16") == pytest.approx(forward)
    for mode in ("training", "population"):
        assert floor_ms(mode, "cfc", case, "bf16") == pytest.approx(forward + back)


@pytest.mark.parametrize(
    ("cell", "provider", "expected"),
    [
        ("cfc", "ours triton bf16", ("cfc", "bf16")),
        ("cfc", "ours triton tf32, one launch", ("cfc", "tf32")),
        ("gru", "ours triton ieee, 16 calls", ("gru", "ieee")),
        ("rnn", "ours calls", ("rnn", "ieee")),
        ("lstm", "flashrnn", ("lstm", "bf16")),
        ("cfc", "torch.nn.LSTM", ("lstm", "tf32")),
        ("gru", "torch.nn.GRU", ("gru", "tf32")),
        ("cfc", "ncps", ("cfc", "ieee")),
        ("cfc", "reference loop, CUDA graph", ("cfc", "ieee")),
    ],
)
def test_everybody_is_held_to_the_floor_of_his_own_cell_and_precision(cell, provider, expected):
    assert cell_and_precision(cell, provider) == expected
    floor = floor_ms("training", expected[0], CASE, expected[1])
    assert float(floor_share("training", cell, CASE, provider, 2 * floor)) == 0.5


def test_on_a_cpu_the_columns_are_empty():
    assert peak_memory_mb({"ours native": lambda: None}, "cpu") == {"ours native": ""}
    timings = {"ours native": Timing(1e-3, 2e-3, 3e-3, 5)}
    (row,) = kernels._report("training", "cfc", CASE, timings, {}, {"ours native": ""})
    assert row["peak_memory_mb"] == row["floor_share"] == ""
    assert row["us_per_step"] == "7.812"  # 2 ms over 256 steps


def test_on_a_gpu_a_row_carries_both():
    timings = {"ours triton bf16": Timing(1e-3, 2e-3, 3e-3, 5)}
    memory = {"ours triton bf16": "1.500"}
    (row,) = kernels._report("forward", "cfc", CASE, timings, {}, memory)
    assert row["peak_memory_mb"] == "1.500"
    expected = floor_ms("forward", "cfc", CASE, "bf16") / 2
    assert float(row["floor_share"]) == pytest.approx(expected, abs=1e-3)


def test_memory_is_what_a_call_adds(monkeypatch):
    state = {"now": 10_000_000, "peak": 99_000_000}
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: state["now"])
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: state["peak"])
    monkeypatch.setattr(
        torch.cuda, "reset_peak_memory_stats", lambda: state.update(peak=state["now"])
    )

    def needs(amount):
        return lambda: state.update(peak=state["now"] + amount)

    found = peak_memory_mb({"a": needs(2_500_000), "b": needs(1_000)}, "cuda")
    assert found == {"a": "2.500", "b": "0.001"}
