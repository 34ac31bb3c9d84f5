"""The whole command on a tiny package: what a test finds and what none does, twice and in parts."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mutmut")

from tools.faults.__main__ import main

ROOT = Path(__file__).resolve().parents[3]

CODE = """
def double(x):
    return 2 * x


def unseen(x):
    return 3 * x


def wait(x):
    while x > 0:
        x -= 1
    return x
"""
TESTS = """
import pathlib
from lrs_lightning.toy.part import double, wait

def test_where_it_runs():
    assert "copy-" in __file__  # not in the tree itself
    pathlib.Path("written").write_text("by a test")

def test_double():
    assert double(5) == 10

def test_wait():
    assert wait(3) == 0

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


@pytest.mark.long
def test_faults_are_found_or_not_and_a_run_goes_on_where_it_was_ended(
    tree: Path, tmp_path: Path
) -> None:
    before, out = snapshot(tree), tmp_path / "out"
    few = run(tree, out, "--number", "2", "--processes", "1")
    assert few.returncode == 0, few.stderr
    judged = rows(out)
    assert len(judged) == 2

    whole = run(tree, out, "--number", "100", "--patience", "3")
    assert whole.returncode == 0, whole.stderr
    assert rows(out)[:2] == judged  # those of the smaller draw, as they were
    number = len(rows(out))
    assert f"toy {number - 2}/{number - 2}" in whole.stdout and number > 8
    assert len({row["fault"] for row in rows(out)}) == number

    assert snapshot(tree) == before  # nothing is changed or left in the tree
    assert "test_broken fails without any fault" in whole.stderr
    by = {row["change"]: row["by"] for row in rows(out)}
    assert by["-    return 2 * x\n+    return 3 * x"] == "tests/toy/test_part.py::test_double"
    assert by["-    return 3 * x\n+    return 4 * x"] == ""
    assert by["-        x -= 1\n+        x += 1"] == "tests/toy/test_part.py::test_wait"  # no end
    assert "Not found: 2" in whole.stdout and "+    return 4 * x" in whole.stdout
    assert (out / "results.md").read_text() in whole.stdout


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--rooms", "attic"], "there is no room attic, but toy"),
        (["--number", "many"], "invalid int value"),
    ],
)
def test_what_cannot_be_done_is_said(
    tree: Path, options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--root", str(tree), *options])
    assert ended.value.code == 2 and sentence in capsys.readouterr().err
