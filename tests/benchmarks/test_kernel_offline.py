"""The configuration table keeps its promise on sm_90: no spilled register, shared memory fits.

Compiling the whole table takes minutes, so `python -m benchmarks kernels --offline` does it and its
committed report carries a hash of the kernels and the table: here the report must be of this very
code and cover every entry. A sample is compiled again, in a process that does not interpret.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton")

from benchmarks.kernel_offline import Kernel, compile_for_sm90, fingerprint, table_kernels
from lrs_kernels.triton.device import H100
from lrs_kernels.triton.operands import INTERPRETED

ROOT = Path(__file__).parents[2]
REPORT = ROOT / "benchmarks" / "results" / "offline_sm90.csv"

SAMPLE = """
from benchmarks.kernel_offline import compile_for_sm90, table_kernels

for kernel in table_kernels():
    near_a_limit = kernel.cell in ("cfc", "lstm") and (
        (kernel.precision, kernel.hidden) in {("bf16", 64), ("bf16", 128)}
    )
    if near_a_limit:
        report = compile_for_sm90(kernel)
        tensor_cores = sum(n for name, n in report.loop.items() if name.startswith("HMMA"))
        print(*report.resources, report.shared, tensor_cores, report.loop["MUFU"])
"""


def entry(kernel: Kernel) -> tuple[str, ...]:
    plan = kernel.plan
    fields = (kernel.cell, kernel.direction, kernel.precision, plan.path, kernel.hidden)
    return tuple(map(str, (*fields, kernel.rank, plan.tile.num_warps, plan.tile.ahead)))


def test_the_report_is_of_this_code_and_covers_the_whole_table_without_spills() -> None:
    with REPORT.open() as file:
        rows = list(csv.DictReader(file))
    again = "run `python -m benchmarks kernels --offline` and commit benchmarks/results"
    assert {row["kernels"] for row in rows} == {fingerprint()}, f"kernels have changed: {again}"
    names = ("cell", "direction", "precision", "path", "hidden", "rank", "warps", "ahead")
    covered = {tuple(row[name] for name in names) for row in rows if row["options"] == "all"}
    assert covered == {entry(kernel) for kernel in table_kernels()}, again
    for row in rows:
        assert int(row["stack_bytes"]) == int(row["spill_instructions"]) == 0, row
        assert int(row["registers"]) <= 255, row
        assert int(row["shared_bytes"]) <= H100.shared, row


def test_the_readme_shows_the_report() -> None:
    table = REPORT.with_suffix(".md").read_text()
    assert table in (ROOT / "kernels" / "README.md").read_text()


@pytest.mark.slow
def test_a_sample_compiles_again_within_the_limits() -> None:
    environment = {**os.environ, "TRITON_INTERPRET": "0"}
    done = subprocess.run(
        [sys.executable, "-c", SAMPLE], capture_output=True, text=True, env=environment, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = done.stdout.splitlines()
    assert len(lines) == 8
    for line in lines:
        registers, stack, spills, shared, tensor_cores, _ = map(int, line.split())
        assert registers <= 255
        assert stack == spills == 0
        assert shared <= H100.shared
        assert tensor_cores > 0, "products fell back to scalar arithmetic"


@pytest.mark.skipif(not INTERPRETED, reason="kernels are compiled in this process")
def test_an_interpreting_process_says_how_to_compile() -> None:
    with pytest.raises(RuntimeError, match="start Python with TRITON_INTERPRET=0"):
        compile_for_sm90(table_kernels()[0])
