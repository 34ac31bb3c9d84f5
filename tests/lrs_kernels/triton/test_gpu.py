"""On a GPU: real sizes in every precision, determinism, graphs, and a memory and race checker."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import torch

from lrs_kernels.recurrent import Recurrent
from lrs_kernels.triton import graph
from tests.lrs_kernels.triton.calls import (
    GATES,
    KERNEL,
    REFERENCE,
    Arguments,
    Case,
    judge_relu_at,
    make,
    rms_ratio,
)

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]

ROOT = Path(__file__).parents[3]

# RMS of the error over RMS of the value, forward and gradients (reference in float64).
LIMITS = {"ieee": (1e-5, 1e-5), "tf32x3": (1e-5, 2e-5), "tf32": (2e-3, 5e-3), "bf16": (1e-2, 2e-2)}

CASES = [
    Case(steps=256, batch=32, hidden=64, rank=8, mask=0.5, resets=True),
    Case(steps=64, batch=33, hidden=128, rank=8, mask=0.5, resets=True),
    Case(steps=64, batch=7, hidden=100),
    Case(members=5, steps=32, batch=32, hidden=32, rank=8, mask=0.5),
    Case(steps=32, batch=32, hidden=256, rank=16),  # factored where the table has it
    Case(steps=70, batch=32, hidden=256, rank=16, mask=0.5, resets=True),  # steps, two graphs
    Case(steps=8, batch=1056, hidden=512),
]


def on_gpu(call: Arguments) -> Arguments:
    """The call with every tensor on the GPU."""
    moved = {}
    for field in fields(call):
        value = getattr(call, field.name)
        if isinstance(value, Recurrent):
            value = Recurrent(*(None if part is None else part.cuda() for part in value))
        elif value is not None:
            value = value.cuda()
        moved[field.name] = value
    return Arguments(**moved)


@pytest.mark.parametrize("precision", LIMITS)
@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("cell", GATES)
def test_real_sizes_stay_within_the_precision(cell: str, case: Case, precision: str) -> None:
    call = on_gpu(make(case, cell, torch.float32))
    expected, found = REFERENCE[cell](call), KERNEL[cell](call, precision)
    if cell == "relu":
        expected |= judge_relu_at(call, found["y"])
    for name, value in found.items():
        limit = LIMITS[precision][name != "y"]
        assert rms_ratio(value, expected[name]) < limit, name


LOW_CASES = [
    CASES[0],
    Case(steps=64, batch=33, hidden=128, rank=8, mask=0.5),
    Case(members=2, steps=32, batch=9, hidden=33, rank=5, mask=0.5, resets=True),  # no pairs
    CASES[4],
    CASES[5],
]


@pytest.mark.parametrize("case", LOW_CASES, ids=str)
@pytest.mark.parametrize("cell", ["cfc", "lstm", "gru", "rnn"])
def test_bfloat16_in_memory_stays_within_the_precision(cell: str, case: Case) -> None:
    call = on_gpu(make(case, cell, torch.bfloat16))
    expected, found = REFERENCE[cell](call), KERNEL[cell](call, "bf16")
    for name, value in found.items():
        assert value.dtype == torch.bfloat16, name
        assert rms_ratio(value, expected[name]) < LIMITS["bf16"][name != "y"], name


@pytest.mark.parametrize("precision", ["ieee", "tf32"])
def test_products_may_be_more_exact_than_memory(precision: str) -> None:
    call = on_gpu(
        make(Case(steps=20, batch=9, hidden=64, rank=8, mask=0.5), "lstm", torch.bfloat16)
    )
    expected, found = REFERENCE["lstm"](call), KERNEL["lstm"](call, precision)
    for name, value in found.items():
        assert rms_ratio(value, expected[name]) < LIMITS["bf16"][name != "y"], name


@pytest.mark.parametrize("case", [CASES[0], CASES[1], CASES[5]], ids=str)
@pytest.mark.parametrize("cell", GATES)
def test_twenty_repeats_are_equal_to_the_last_bit(cell: str, case: Case) -> None:
    call = on_gpu(make(case, cell, torch.float32))
    first = KERNEL[cell](call, "bf16")
    for _ in range(20):
        for name, value in KERNEL[cell](call, "bf16").items():
            assert torch.equal(value, first[name]), name


@pytest.mark.parametrize("cell", GATES)
def test_graphs_equal_plain_launches(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    call = on_gpu(make(CASES[5], cell, torch.float32))
    replayed = KERNEL[cell](call, "tf32")
    monkeypatch.setattr(graph, "chunk_steps", lambda _: None)
    for name, value in KERNEL[cell](call, "tf32").items():
        assert torch.equal(value, replayed[name]), name


def test_saturated_gates_are_never_nan() -> None:
    call = on_gpu(make(CASES[0], "lstm", torch.float32))
    call.x_proj *= 1000
    for name, value in KERNEL["lstm"](call, "bf16").items():
        assert not value.isnan().any(), name


# Three steps: from four on, the step path is captured in a graph, which takes the checkers long.
SANITIZED = """
import torch
from tests.lrs_kernels.triton.calls import GATES, KERNEL, Case, make
from tests.lrs_kernels.triton.test_gpu import on_gpu

for cell in GATES:
    for hidden in (32, 256):
        case = Case(steps=3, batch=9, hidden=hidden, rank=8, mask=0.5, resets=True)
        KERNEL[cell](on_gpu(make(case, cell, torch.float32)), "bf16")
torch.cuda.synchronize()
"""


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["memcheck", "racecheck"])
def test_the_sanitizer_finds_nothing(tool: str) -> None:
    checker = shutil.which("compute-sanitizer")
    if checker is None:
        pytest.skip("compute-sanitizer is not installed")
    done = subprocess.run(
        [checker, "--tool", tool, "--error-exitcode", "9", sys.executable, "-c", SANITIZED],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernels'}",
            "PYTORCH_NO_CUDA_MEMORY_CACHING": "1",  # else one block holds all, and hides overruns
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]
