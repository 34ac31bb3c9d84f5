"""The whole command on a tiny package: what a test finds and what none does, twice and in parts."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mutmut")

ROOT = Path(__file__).resolve().parents[3]

CODE = """
def double(x):
    return 2 * x


def unseen(x):
    return 3 * x
"""
TESTS = """
import pathlib
from lrs_lightning.toy.part import double

def test_where_it_runs():
    assert "copy-" in __file__  # not in the tree itself
    pathlib.Path("written").write_text("by a test")

def test_double():
    assert double(5) == 10

def test_broken():
    assert False
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    for folder in ("lrs_lightning/toy", "tests/toy", "kernels"):
        (root / folder).mkdir(parents=True)
    (root / "lrs_lightning" / "__init__.py").write_text("")
    (root / "lrs_lightning" / "toy" / "__init__.py").write_text("")
    (root / "lrs_lightning" / "toy" / "part.py").write_text(CODE)
    (root / "tests" / "toy" / "test_part.py").write_text(TESTS)
    return root


def run(tree: Path, out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.faults", "--root", str(tree), "--out", str(out)]
    return subprocess.run(
        [*command, "--nice", "0", "--preload", "pytest", *options],
        cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "faults.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def snapshot(tree: Path) -> dict[str, bytes]:
    return {str(p.relative_to(tree)): p.read_bytes() for p in tree.rglob("*") if p.is_file()}


def test_faults_are_found_or_not_and_a_run_goes_on_where_it_was_ended(
    tree: Path, tmp_path: Path
) -> None:
    before, out = snapshot(tree), tmp_path / "out"
    whole = run(tree, out, "--number", "100")
    assert whole.returncode == 0, whole.stderr
    assert snapshot(tree) == before  # nothing is changed or left in the tree
    assert "test_broken fails without any fault" in whole.stderr
    by = {row["change"]: row["by"] for row in rows(out)}
    assert by["-    return 2 * x\n+    return 3 * x"] == "tests/toy/test_part.py::test_double"
    assert by["-    return 3 * x\n+    return 4 * x"] == ""
    assert "Not found: " in whole.stdout and "+    return 4 * x" in whole.stdout
    assert (out / "results.md").read_text() in whole.stdout

    # The first two of a smaller draw are the same, and are not judged again.
    few = tmp_path / "few"
    assert run(tree, few, "--number", "2", "--processes", "1").returncode == 0
    judged = rows(few)
    more = run(tree, few, "--number", "4", "--processes", "1")
    assert "toy 1/2" in more.stdout and "toy 2/2" in more.stdout
    assert rows(few)[:2] == judged
    assert len({r["fault"] for r in rows(few)}) == 4
    verdicts = {r["fault"]: r["by"] for r in rows(out)}
    assert all(verdicts[r["fault"]] == r["by"] for r in rows(few))


def test_a_loop_without_end_is_found(tree: Path, tmp_path: Path) -> None:
    part = tree / "lrs_lightning" / "toy" / "part.py"
    part.write_text("def wait(x):\n    while x > 0:\n        x -= 1\n    return x\n")
    (tree / "tests" / "toy" / "test_part.py").write_text(
        "from lrs_lightning.toy.part import wait\n\ndef test_wait():\n    assert wait(2) == 0\n"
    )
    out = tmp_path / "out"
    run(tree, out, "--number", "100", "--patience", "1")
    by = {row["change"]: row["by"] for row in rows(out)}
    assert by["-        x -= 1\n+        x += 1"].endswith("::test_wait")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--rooms", "attic"], "there is no room attic, but toy"),
        (["--number", "many"], "invalid int value"),
    ],
)
def test_what_cannot_be_done_is_said(
    tree: Path, tmp_path: Path, options: list[str], sentence: str
) -> None:
    done = run(tree, tmp_path / "out", *options)
    assert done.returncode == 2 and sentence in done.stderr
