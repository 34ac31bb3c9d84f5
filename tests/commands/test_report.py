"""The verb `report`: where it writes, and what it says of a folder without results."""

from __future__ import annotations

from pathlib import Path

import pytest

from lrs_lightning.cli import main
from lrs_lightning.statistics.results import ResultsWriter
from tests.evaluation.fakes import rows


def run(folder: Path, mean: float) -> Path:
    with ResultsWriter(folder / "results.jsonl") as writer:
        writer.write_rows(rows({"clean": mean, "mass@1": mean / 2}, episodes=4, spread=1.0))
    return folder


def test_one_run_is_written_into_its_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run(tmp_path / "a", 10.0)
    assert main(["report", str(folder)]) == 0
    assert (folder / "report.html").read_text().startswith("<!doctype html>")
    assert str(folder / "report.html") in capsys.readouterr().out


def test_several_runs_are_written_here_or_where_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run(tmp_path / "a", 10.0)
    run(tmp_path / "b", 8.0)
    assert main(["report", "a", "b"]) == 0
    assert main(["report", "a", "b/results.jsonl", "--out", "deep/er/page.html"]) == 0
    assert (tmp_path / "report.html").is_file() and (tmp_path / "deep/er/page.html").is_file()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nowhere"], "cannot read nowhere (No such file or directory)"),
        ([], "required and not given: RUN"),
        (["a", "--output", "x"], "unknown option --output: did you mean '--out'"),
    ],
)
def test_bad_input(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report", *words]) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1


def test_a_folder_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run(tmp_path / "a", 10.0)
    (tmp_path / "file").write_text("")
    assert main(["report", str(folder), "--out", str(tmp_path / "file" / "r.html")]) == 2
    assert "cannot write" in capsys.readouterr().err
