"""The section that measures large results, at a small size."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout

import pytest

from benchmarks import _big_results, big_results
from lrs_lightning.statistics.methods import group
from lrs_lightning.statistics.results import read_results
from lrs_lightning.statistics.summary import Summary


@pytest.fixture
def in_this_process(monkeypatch):
    def here(what, code, which, *words):
        with redirect_stdout(io.StringIO()) as told:
            _big_results.child(which, *words)
        return {"seconds": 1.0, **json.loads(told.getvalue())}

    monkeypatch.setattr(big_results, "in_a_process", here)


def test_the_halves_have_the_rows_that_were_asked_for(tmp_path):
    paths = big_results.written_halves(tmp_path, 301)
    rows = [read_results(path) for path in paths]
    assert [len(half) for half in rows] == [150, 151]
    assert rows[0][1]["condition"] == "clean" and rows[0][-1]["shift"] != "clean"
    assert len({row["outcome"] for half in rows for row in half}) == 301


def test_the_runs_are_seeds_of_methods_under_every_condition(tmp_path):
    paths = big_results.written_runs(tmp_path, methods=3, seeds=2, episodes=1)
    assert len(paths) == 6 and len(read_results(paths[0])) == 1 + 29 * 5
    policies = {one.name: one.policy for one in map(Summary.read, paths)}
    assert [len(method.policies) for method in group(policies)[0]] == [2, 2, 2]


def test_each_measure_is_told_and_smoke_writes_nothing(tmp_path, capsys, in_this_process):
    big_results.measure(measures=["read", "merge"], smoke=True, out=tmp_path / "t.csv")
    told = capsys.readouterr().out.splitlines()
    assert [line.split(" in ")[0] for line in told] == ["read: 400 rows", "merge: 400 rows"]
    assert not (tmp_path / "t.csv").exists()
    big_results.measure(measures=["merge"], rows=150, rounds=1, out=tmp_path / "t.csv")
    assert "150" in (tmp_path / "t.csv").read_text().splitlines()[1].split(",")


def test_what_is_measured_of_a_report_is_its_page(tmp_path, capsys):
    runs = big_results.written_runs(tmp_path / "runs", methods=2, seeds=1, episodes=1)
    _big_results.child("report", str(tmp_path / "page"), *runs)
    told = json.loads(capsys.readouterr().out)
    page = tmp_path / "page.html"
    assert told["mb"] == pytest.approx(page.stat().st_size / 1e6, abs=0.01)
    assert "shift_28" in page.read_text() and "method_01" in page.read_text()
