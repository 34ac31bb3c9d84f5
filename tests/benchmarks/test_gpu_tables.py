"""The tables of a GPU in the README are those that its results make."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.gpu import tables
from benchmarks.gpu.journal import Journal

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "benchmarks" / "results" / "gpu"


@pytest.mark.parametrize("table", ["machine", "scans", "members", "layers", "small"])
def test_the_readme_shows_the_results(table):
    lines = getattr(tables, table)(FOLDER)
    assert lines and "\n".join(lines) in (ROOT / "kernels" / "README.md").read_text()


def test_rows_of_other_kernels_and_wrong_ones_are_left_out(tmp_path):
    row = {
        "cell": "cfc", "hidden": 64, "batch": 32, "precision": "bf16", "resets": False,
        "members": 1, "steps": 256, "path": "resident", "us_per_step": 0.5, "agrees": True,
    }  # fmt: skip
    journal = Journal(tmp_path / "scans.jsonl")
    journal.add("older", row | {"direction": "forward", "us_per_step": 9.0})
    text = journal.path.read_text().replace(journal.rows()[0]["source"], "another")
    journal.path.write_text(text)
    journal.add("forward", row | {"direction": "forward"})
    journal.add("backward", row | {"direction": "backward", "us_per_step": 0.625})
    journal.add("wrong", row | {"direction": "forward", "hidden": 128, "agrees": False})
    lines = tables.scans(tmp_path)
    assert lines[2].startswith("| cfc | 64 | 0.50 / 0.62 |")
    assert lines[3:] == ["Differs from the reference: wrong"]
