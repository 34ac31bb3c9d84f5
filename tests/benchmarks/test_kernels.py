"""The benchmark of the kernels in small: it runs, and it checks before it praises."""

from __future__ import annotations

import csv

import pytest

from benchmarks import kernel_check, kernels


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_smoke_writes_a_table_with_provenance(tmp_path, capsys):
    kernels.main(["--smoke", "--cells", "cfc", "rnn", "--plot", "--out", str(tmp_path / "k.csv")])
    rows = rows_of(tmp_path / "k.csv")
    assert {row["mode"] for row in rows} == set(kernels.MODES)
    assert all(
        float(row["p10_ms"]) <= float(row["median_ms"]) <= float(row["p90_ms"]) for row in rows
    )
    assert all(row["commit"] and row["device"] and row["torch"] for row in rows)
    assert all(row["times_first_provider"] for row in rows)
    assert (tmp_path / "k.svg").stat().st_size > 1000
    assert "ours calls" in capsys.readouterr().out


def test_who_is_wrong_is_not_called_fast(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(kernels, "agrees", lambda *_: False)
    arguments = ["--smoke", "--modes", "training", "--cells", "rnn"]
    kernels.main([*arguments, "--out", str(tmp_path / "k.csv")])
    assert all(row["times_first_provider"] == "" for row in rows_of(tmp_path / "k.csv"))
    assert "differs from the reference" in capsys.readouterr().out


@pytest.mark.parametrize("cell", ["cfc", "lstm", "gru", "rnn"])
def test_the_check_sees_an_error(cell, monkeypatch):
    assert kernel_check.agrees(cell, "cpu")
    run = kernel_check._run

    def slightly_wrong(cell, backend, dtype):
        results = run(cell, backend, dtype)
        return [part * 1.0001 for part in results] if backend == "cpu" else results

    monkeypatch.setattr(kernel_check, "_run", slightly_wrong)
    assert not kernel_check.agrees(cell, "cpu")
