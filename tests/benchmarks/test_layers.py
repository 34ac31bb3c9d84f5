"""The benchmark of the layers runs, checks before it times, and stores nothing in a smoke run."""

from __future__ import annotations

import pytest
import torch

from benchmarks import layers


def test_smoke(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(layers, "SHAPES", [(2, 3, 4, 16)])
    monkeypatch.setattr(layers, "RESULTS", tmp_path)
    monkeypatch.setattr(layers, "SMOKE_ROUNDS", 1)
    layers.main(["--smoke"])
    shown = capsys.readouterr().out
    assert all(f"cell {cell}" in shown for cell in layers.CELLS)
    assert "prior_over_dense" in shown and "construction" in shown
    assert not list(tmp_path.iterdir())


def test_a_wrong_layer_gets_no_number(monkeypatch):
    wrong = layers.LRSLSTM

    class Broken(wrong):
        def forward(self, *args, **kwargs):
            y, state = super().forward(*args, **kwargs)
            return 1.01 * y, state

    monkeypatch.setitem(layers.CELLS, "LSTM", Broken)
    with pytest.raises(AssertionError):
        layers.check("LSTM", torch.nn.LSTM(4, 16, batch_first=True), 4, 16)
