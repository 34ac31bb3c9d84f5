"""The numbers of kernels/README.md are those of the result file."""

from __future__ import annotations

from pathlib import Path

from benchmarks import kernel_table

ROOT = Path(__file__).resolve().parents[2]


def test_the_readme_shows_what_was_measured():
    rows = kernel_table.read(ROOT / "benchmarks/results/kernels_cpu.csv")
    assert kernel_table.render(rows) in (ROOT / "kernels/README.md").read_text()
