"""Names of policies: long, foreign, or no text at all; none is a traceback."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from lrs_lightning.cli import main
from lrs_lightning.files import file_name
from tests.commands.test_evaluate import POLICIES
from tests.evaluation.toys import ENV_ID, register

LONG = "x" * 300
NAMES = [LONG, "策略" * 150, "سياسة", "é́́́", "\U0001f916.1", "..", "a-b.c_d", "ß" * 128]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    register()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toy_policies.py").write_text(POLICIES)
    (tmp_path / "mine.yaml").write_text("- sensor_delay@1\n")
    return tmp_path


def evaluated(*names: str) -> int:
    words = [f"{name}=toy_policies:full" for name in names]
    options = ["--env", ENV_ID, "--suite", "mine.yaml", "--episodes", "2", "--quiet"]
    return main(["evaluate", "--policy", *words, *options])


@pytest.mark.parametrize("name", NAMES)
def test_a_policy_may_have_any_name(folder, capsys, name):
    code = evaluated(name)
    error = capsys.readouterr().err
    if code == 2:  # no name in the sense of NAME=POLICY: a sentence says what is one
        assert error.startswith("error: policy ") and error.count("\n") == 1
        return
    assert code == 0, error
    (out,) = (folder / "runs" / "evaluate").iterdir()
    summary = json.loads((out / "summary.json").read_text())
    assert summary["policy"]["name"] == name
    assert len((out / "results.jsonl").read_text().splitlines()) == 4
    assert evaluated(name) == 0, "what was played is found again"
    assert main(["report", str(out)]) == 0


def test_long_names_that_differ_at_their_end_have_folders_of_their_own(folder):
    assert evaluated(LONG + "1") == evaluated(LONG + "2") == 0
    assert len(list((folder / "runs" / "evaluate").iterdir())) == 2


def test_long_names_side_by_side(folder):
    assert evaluated(LONG, LONG, "策略" * 150, "y" * 2000) == 0


@pytest.mark.parametrize(
    "text", ["", ".", "..", "a\nb", "\udcff", "x" * 201, "策" * 100, "a\0b", "\u202egnp"]
)
def test_a_name_that_no_file_can_have_becomes_one_that_can(folder, text):
    name = file_name(text)
    assert name not in ("", ".", "..") and len(os.fsencode(name)) <= 200 and name.isprintable()
    assert name != file_name(text + "y")
    (folder / name).mkdir()


def test_a_name_that_a_file_can_have_stays(folder):
    assert file_name("expert-ALE/Seaquest-v5-paper") == "expert-ALE-Seaquest-v5-paper"
    assert file_name("策略-a b") == "策略-a b"
