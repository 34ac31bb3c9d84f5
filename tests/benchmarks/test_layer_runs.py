"""One case in many processes: what each measures, and what is told of all."""

from __future__ import annotations

import json

import pytest

from benchmarks import layer_runs


def test_a_process_tells_one_row(monkeypatch, capsys):
    monkeypatch.setattr(layer_runs, "SHAPES", [(2, 3, 4, 16)])
    layer_runs.child(1, 7, 2)
    told = json.loads(capsys.readouterr().out)
    assert told["seed"] == 7 and told["threads"] == 1 and told["H"] == 16
    assert told["prior_over_lstm"] == pytest.approx(told["prior_ms"] / told["LSTM_ms"], rel=0.05)


def test_every_process_has_a_seed_of_its_own_and_a_smoke_run_stores_nothing(
    monkeypatch, capsys, tmp_path
):
    asked = []

    def instead(what, code, *words):
        asked.append(words)
        return {"seed": int(words[1]), "prior_over_lstm": 0.4 + int(words[1]) / 10}

    monkeypatch.setattr(layer_runs, "in_a_process", instead)
    monkeypatch.setattr(layer_runs, "RESULTS", tmp_path)
    layer_runs.main(["--smoke", "--threads", "2"])
    assert asked == [("2", "1", "5"), ("2", "2", "5")] and not list(tmp_path.iterdir())
    assert "0.550 [" in capsys.readouterr().out
    layer_runs.main(["--runs", "3"])
    assert [words[1] for words in asked[2:]] == ["1", "2", "3"]
    (table,) = tmp_path.iterdir()
    assert table.name == "layer_runs_1_threads.csv" and len(table.read_text().splitlines()) == 4


def test_the_interval_is_that_of_a_mean():
    told = layer_runs.summed_up([0.48, 0.49, 0.5, 0.49] * 4)
    assert told.startswith("0.490 [0.48") and told.endswith("over 16 processes, 0.480 to 0.500")
