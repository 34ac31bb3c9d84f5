"""`evaluate` with policies that fail: the others are played, and the exit code says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lrs_lightning.cli import main
from lrs_lightning.statistics.results import read_results
from tests.evaluation.toys import ENV_ID, register

POLICIES = """
import sys, time
import numpy as np
def act(observations, fault=None):
    if fault is not None and observations[0, 1] == 1:
        fault()
    return np.zeros((len(observations), 1), np.float32)
def good(observations):
    return act(observations)
def raises(observations):
    return act(observations, lambda: 1 / 0)
def exits(observations):
    return act(observations, lambda: sys.exit(0))
def hangs(observations):
    return act(observations, lambda: time.sleep(1000))
def at_once(observations):
    sys.exit(0)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    register()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "others_policies", raising=False)
    (tmp_path / "others_policies.py").write_text(POLICIES)
    (tmp_path / "exits_on_import.py").write_text("import sys\nsys.exit(0)\n")
    (tmp_path / "mine.yaml").write_text("- sensor_delay@1\n")
    return tmp_path


def evaluated(*policies: str, options: tuple[str, ...] = ()) -> int:
    words = ["evaluate", "--policy", *policies, "--env", ENV_ID, "--suite", "mine.yaml"]
    return main([*words, "--episodes", "3", "--out", "out", "--quiet", *options])


@pytest.mark.parametrize(
    ("bad", "reason"),
    [("raises", "ZeroDivisionError"), ("exits", "SystemExit: 0"), ("hangs", "TimeoutError")],
)
def test_the_other_policy_is_played_and_the_exit_code_is_3(capsys, bad, reason):
    words = ["others_policies:good", f"others_policies:{bad}"]
    assert evaluated(*words, options=("--timeout", "1.0")) == 3
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: 6 episodes failed and are left out") and reason in error
    rows = read_results("out")
    assert {(r["policy"], r["status"]) for r in rows} == {("good", "ok"), (bad, "failed")}
    assert all(reason in r["error"] for r in rows if r["status"] == "failed")
    assert all(r["length"] == 3 for r in rows if r["status"] == "ok")
    assert json.loads(Path("out/summary.json").read_text())


def test_one_that_fails_as_it_measures_the_unit_of_noise_is_refused(capsys):
    """Where no expert ships with the task, the first policy measures it."""
    assert evaluated("others_policies:raises", "others_policies:good") == 2
    error = capsys.readouterr().err
    assert error.startswith("error: the unit of sensor noise cannot be measured")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("others_policies:at_once", "cannot act on observations"),
        ("exits_on_import:policy", "cannot be loaded: SystemExit: 0"),
    ],
)
def test_one_that_fails_before_anything_is_played_is_refused(folder, capsys, word, sentence):
    assert evaluated("others_policies:good", word) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and sentence in error
    assert not (folder / "out").exists()


def test_an_exit_of_somebody_elses_is_never_success(monkeypatch, capsys):
    def leave(verb: str, words: list[str]) -> int:
        raise SystemExit(0)

    monkeypatch.setattr("lrs_lightning.commands.info.main", leave)
    assert main(["info"]) == 2
    assert capsys.readouterr().err == "error: exit(0) was called before the work was done\n"
