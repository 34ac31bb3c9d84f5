"""The benchmark of populations compares before it times, and stores nothing in a smoke run."""

from __future__ import annotations

import pytest

from benchmarks import population


def test_smoke(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(population, "RESULTS", tmp_path)
    monkeypatch.setattr(population, "WINDOW", (3, 4))
    population.main(["--smoke"])
    shown = capsys.readouterr().out
    assert "provider single loops" in shown and "provider population, 2 threads" in shown
    assert not list(tmp_path.iterdir())


def test_another_update_gets_no_number(monkeypatch):
    monkeypatch.setattr(population, "WINDOW", (3, 4))
    clip = population.MemberStacks.clip
    monkeypatch.setattr(population.MemberStacks, "clip", lambda self, *_: clip(self, 1e-9, "norm"))
    with pytest.raises(AssertionError):
        population.check(2, "cpu")
