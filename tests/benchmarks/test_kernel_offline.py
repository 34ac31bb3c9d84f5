"""The configuration table keeps its promise: no loop spills, shared memory fits, loads are early.

Compiling the whole table takes minutes, so `python -m benchmarks kernels --offline` does it and its
committed report carries a hash of the kernels and the table: here the report must be of this very
code and cover every entry. A sample is compiled again, in a process that does not interpret.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

pytest.importorskip("triton")

from benchmarks.kernel_offline import (
    OTHERS,
    Kernel,
    compile_offline,
    fingerprint,
    odd_kernels,
    table_kernels,
)
from lrs_kernels.triton.cells import kernel_cells
from lrs_kernels.triton.choice import INTERPRETED
from lrs_kernels.triton.config import SMALLEST_ENTRY, padded, shared_bytes
from lrs_kernels.triton.device import H100

ROOT = Path(__file__).parents[2]
REPORT = ROOT / "benchmarks" / "results" / "offline_sm90.csv"
SPILLS = {"3.8.0": 25}
"""Registers that a version spills in the LSTM's backward pass of 128 units; the others none."""

SAMPLE = """
from benchmarks.kernel_offline import compile_offline, table_kernels
from lrs_kernels.triton.config import fitted

for kernel in table_kernels():
    near_a_limit = (kernel.precision, kernel.hidden) == ("bf16", 128)
    if kernel.cell in ("cfc", "lstm") and near_a_limit:
        if kernel.direction == "backward":  # as a launch has it, with this version of Triton
            tile = fitted(kernel.plan.tile, kernel.hidden)
            kernel = kernel._replace(plan=kernel.plan._replace(tile=tile))
        report = compile_offline(kernel)
        tensor_cores = sum(n for name, n in report.loop.items() if "MMA" in name)
        barriers = sum(n for name, n in report.loop.items() if name.startswith("BAR"))
        in_loop = report.loop["LDL"] + report.loop["STL"]
        measured = (report.shared, tensor_cores, barriers, in_loop, report.load_distance)
        print(kernel.cell, kernel.direction, kernel.hidden, *measured)
"""


def entry(kernel: Kernel) -> tuple[str, ...]:
    plan = kernel.plan
    fields = (kernel.cell, kernel.direction, kernel.precision, plan.path, kernel.hidden)
    return tuple(map(str, (*fields, kernel.rank, plan.tile.num_warps, plan.tile.ahead)))


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with REPORT.open() as file:
        return list(csv.DictReader(file))


AGAIN = "run `python -m benchmarks kernels --offline` and commit benchmarks/results"


def test_the_report_is_of_this_code_and_covers_the_whole_table(rows) -> None:
    assert {row["kernels"] for row in rows} == {fingerprint()}, f"kernels have changed: {AGAIN}"
    names = ("cell", "direction", "precision", "path", "hidden", "rank", "warps", "ahead")
    for options, wanted in (("all", table_kernels()), ("all, odd size", odd_kernels())):
        covered = {
            tuple(row[name] for name in names)
            for row in rows
            if row["options"] == options and row["capability"] == "90"
        }
        assert covered == {entry(kernel) for kernel in wanted}, AGAIN
    elsewhere = {row["capability"] for row in rows} - {"90"}
    assert elsewhere == {str(capability) for capability in OTHERS}, AGAIN


def test_no_loop_spills_a_register(rows) -> None:
    for row in rows:
        assert int(row["spills_in_loop"]) == 0, row
        assert int(row["registers"]) <= 255, row


def test_no_entry_takes_more_shared_memory_than_its_plan_believes(rows) -> None:
    for row in rows:
        cell = kernel_cells()[row["cell"]][1]
        table = getattr(cell.tables, row["path"])[cell.gates, row["direction"], row["precision"]]
        size = max(padded(int(row["hidden"])), SMALLEST_ENTRY)
        rank = padded(int(row["rank"])) if row["path"] == "factored" else 0
        tile = table[size, rank] if rank else table[size]
        bound = shared_bytes(cell, size, rank, row["precision"], tile)
        assert int(row["shared_bytes"]) <= bound <= H100.shared, row


def test_what_a_step_reads_was_asked_for_before_its_products(rows) -> None:
    """A load that is waited for at once has a distance near 0."""
    for row in rows:
        # Scalar products are loops within the loop, which cannot be read straight on.
        if row["capability"] == "90" and row["precision"] != "ieee":
            assert float(row["load_distance"]) >= 0.15, row


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
    assert len(lines) == 4
    for line in lines:
        shared, tensor_cores, barriers, spills, distance = line.split()[3:]
        assert int(shared) <= H100.shared
        assert int(tensor_cores) > 0, "products fell back to scalar arithmetic"
        assert int(barriers) <= 6, "tiles go through shared memory again"
        assert int(spills) <= SPILLS.get(version("triton"), 0), line
        assert float(distance) >= 0.15, "a load is waited for"


@pytest.mark.skipif(not INTERPRETED, reason="kernels are compiled in this process")
def test_an_interpreting_process_says_how_to_compile() -> None:
    with pytest.raises(RuntimeError, match="start Python with TRITON_INTERPRET=0"):
        compile_offline(table_kernels()[0])
