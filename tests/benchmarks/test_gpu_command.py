"""`python -m benchmarks gpu`, rehearsed: a bare copy of the tree, no install, no GPU."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.gpu.journal import Journal

ROOT = Path(__file__).parents[2]
ABSENT = ("jsonargparse", "msgspec", "gymnasium", "mujoco", "ncps", "lightning")
"""What a lent machine need not have."""
BLOCK = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {ABSENT!r}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bare")
    for name in ("benchmarks", "kernels", "lrs_lightning", "tests/lrs_kernels"):
        ignored = shutil.ignore_patterns("__pycache__", "results", "*.safetensors", "*.npz")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("pyproject.toml", "tests/conftest.py", "tests/selection.py"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "absent").mkdir()
    (folder / "absent" / "sitecustomize.py").write_text(BLOCK)
    return folder


def rehearse(copy: Path, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", "gpu", "--rehearse", "--out", "found", *words],
        cwd=copy,
        env={**kept, "PYTHONPATH": str(copy / "absent")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.long
def test_it_runs_from_a_bare_copy_and_goes_on_where_it_stopped(copy: Path) -> None:
    done = rehearse(copy, "--stages", "scans")
    assert done.returncode == 0, done.stdout + done.stderr
    scans = Journal(copy / "found" / "scans.jsonl").rows()
    assert len(scans) == 4 and all(row["agrees"] and row["median_us"] > 0 for row in scans)
    again = rehearse(copy, "--stages", "scans")
    assert again.returncode == 0 and "finished before" in again.stdout
    assert len(Journal(copy / "found" / "scans.jsonl").rows()) == 4


@pytest.mark.long
def test_a_rehearsal_runs_every_stage(copy: Path) -> None:
    done = rehearse(copy, "--minutes", "9", "--out", "all")
    assert done.returncode == 0, done.stdout + done.stderr
    layers = Journal(copy / "all" / "layers.jsonl").rows()
    providers = {"ours bf16", "ours bf16 module", "cuDNN float32", "loop"}
    assert {row["provider"] for row in layers} == providers
    checks = {row["key"]: row["code"] for row in Journal(copy / "all" / "checks.jsonl").rows()}
    assert checks == {"tests": 0, "checkers": 0}


def test_it_ends_in_time_and_says_what_is_missing(copy: Path) -> None:
    done = rehearse(copy, "--minutes", "0", "--stages", "scans", "--out", "late")
    assert done.returncode == 1 and "scans" in done.stderr


def test_a_line_that_was_cut_off_is_no_row(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "rows.jsonl")
    journal.add("one", {"us": 1.0})
    with journal.path.open("a") as file:
        file.write(json.dumps({"key": "two"})[:-3])
    assert [row["key"] for row in journal.rows()] == ["one"] and journal.done() == {"one"}
