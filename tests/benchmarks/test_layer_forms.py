"""The benchmark of other ways to call a layer compares first, and stores nothing when tried."""

from __future__ import annotations

import pytest

from benchmarks import layer_forms


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    for name, size in {"BATCH": 3, "STEPS": 5, "INPUTS": 4, "HIDDEN": 16, "MEMBERS": 2}.items():
        monkeypatch.setattr(layer_forms, name, size)
    monkeypatch.setattr(layer_forms, "RESULTS", tmp_path)


def test_smoke(capsys, tmp_path):
    layer_forms.main(["--smoke"])
    shown = capsys.readouterr().out
    assert all(f"cell {cell}  lengths_over_padded" in shown for cell in layer_forms.CELLS)
    assert shown.count("vmap_over_population") == 4 and not list(tmp_path.iterdir())


def test_a_wrong_population_gets_no_number(monkeypatch):
    right = layer_forms.recurrent_layer
    monkeypatch.setattr(
        layer_forms, "recurrent_layer", lambda *args, **kw: (1.01 * right(*args, **kw)[0], ())
    )
    with pytest.raises(AssertionError):
        layer_forms.of_vmap("CfC", 1)
