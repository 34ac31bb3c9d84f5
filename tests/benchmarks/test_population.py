"""The benchmark of populations compares before it times, and stores nothing in a smoke run."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

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


def test_the_products_have_the_multiplications_of_the_layers():
    """Those of the modules themselves, forward and backward, as PyTorch counts them."""
    with FlopCounterMode(display=False) as counted:
        for count, (size, width) in enumerate(population.LAYERS):
            x = torch.randn(*population.WINDOW, size, requires_grad=count > 0)
            torch.nn.Linear(size, width)(x).sum().backward()
    products = population.Multiplications(25, threads=1)
    products._way = torch.nn.functional.linear  # C is not counted
    with FlopCounterMode(display=False) as product:  # sees the thread that it is in alone
        products._multiply(*products._times)
    assert product.get_total_flops() == pytest.approx(25 * counted.get_total_flops(), rel=1e-2)
