"""A path that is not there brings to mind the one that is."""

from __future__ import annotations

from pathlib import Path

import pytest

from lrs_lightning.near import did_you_mean_path, such_as


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("runs/Cheetah/version_0", "runs/Hopper/version_12", ".hidden_folder"):
        Path(name).mkdir(parents=True)
    Path("runs/Cheetah/version_0/results.jsonl").touch()
    Path("suite1.yaml").touch()


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("suite11.yaml", "suite1.yaml"),
        ("Suite1.yml", "suite1.yaml"),
        ("run", "runs"),
        ("runs/Chetah", "runs/Cheetah"),
        ("runs/Cheetah/version_3", "runs/Cheetah/version_0"),
        ("runs/Cheeta/version_0", "runs/Cheetah/version_0"),
        ("runs/Cheeta/version_7", "runs/Cheetah"),
        ("shiped", "shipped"),
    ],
)
def test_the_nearest_is_named(word, near):
    assert did_you_mean_path(word, ["shipped"]) == f" (did you mean {near!r}?)"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "word",
    ["", ".", "/", "zzz", "runs", "hidden_folder", "a/b/c/d", "x" * 5000, "runs/\0", "..", "~"],
)
def test_where_nothing_is_near_nothing_is_said(word):
    assert did_you_mean_path(word) == ""


@pytest.mark.usefixtures("here")
def test_a_folder_of_runs_names_one():
    assert such_as(Path("runs"), "results.jsonl") == " such as runs/Cheetah/version_0"
    assert such_as(Path("runs/Cheetah"), "results.jsonl") == " such as runs/Cheetah/version_0"
    assert such_as(Path("."), "results.jsonl") == ""  # three levels deep
    assert such_as(Path("nowhere"), "results.jsonl") == ""
    Path("runs/Hopper/version_12/checkpoints").mkdir()
    Path("runs/Hopper/version_12/checkpoints/last.ckpt").touch()
    assert such_as(Path("runs"), "checkpoints/last.ckpt") == " such as runs/Hopper/version_12"
