"""Principal components of clouds that are known, and the parts of pre-activations."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lrs_lightning.analysis.dimensions import dimensions
from lrs_lightning.analysis.drives import drives
from lrs_lightning.analysis.recurrence import Recurrence
from lrs_lightning.nn import LRSGRU, LRSCfC


@pytest.mark.parametrize("filled", [1, 3, 5, 8])
def test_a_ball_fills_its_dimensions(filled):
    points = torch.randn(20_000, filled, dtype=torch.float64)
    basis = torch.linalg.qr(torch.randn(12, 12, dtype=torch.float64))[0][:filled]
    found = dimensions(points @ basis + 7)
    assert found.participation == pytest.approx(filled, rel=0.01)
    assert found.in_five == pytest.approx(min(1, 5 / filled), rel=0.05)
    assert found.for_ninety == filled


@given(st.integers(2, 30), st.integers(1, 9), st.floats(1e-6, 1e6))
@settings(max_examples=30, deadline=None)
def test_bounds_and_scale(samples, size, scale):
    points = torch.randn(samples, size, dtype=torch.float64)
    found, scaled = dimensions(points), dimensions(points * scale)
    assert 1 - 1e-9 <= found.participation <= size + 1e-9
    assert 1 <= found.for_ninety <= size
    assert 0 < found.in_five <= 1 + 1e-9
    assert scaled.participation == pytest.approx(found.participation, rel=1e-6)


def test_what_stands_still_has_no_dimension():
    found = dimensions(torch.full((10, 3), 2.0))
    assert found.participation != found.participation and found.for_ninety == 0


def flat(replay):
    return [t.flatten(0, 1) for t in (replay.inputs[0], replay.before[0], replay.after[0])]


@pytest.mark.parametrize("layer", [LRSCfC(4, 6), LRSGRU(4, 6)])
def test_the_parts_add_up_to_the_pre_activations(layer):
    recurrence = Recurrence.of(layer)
    parts = flat(recurrence.replay(torch.randn(200, 2, 4)))
    cell = recurrence.cells[0]
    found = drives(cell, *parts)
    assert set(found.gates) == set(cell.names)
    past = cell.recur(parts[1])[:, 0]
    present = parts[0] @ cell.input_weight[:6].T
    expected = (past + present).var(0, correction=0).sum()
    assert found.gates[cell.names[0]]["sum"].variance == pytest.approx(float(expected))
    share = past.var(0).sum() / (past.var(0).sum() + present.var(0).sum())
    assert found.recurrent_share[cell.names[0]] == pytest.approx(float(share))


def test_without_recurrence_nothing_comes_from_the_past():
    layer = LRSCfC(4, 6)
    with torch.no_grad():
        layer.weight_hh_l0.zero_()
    recurrence = Recurrence.of(layer)
    found = drives(recurrence.cells[0], *flat(recurrence.replay(torch.randn(50, 2, 4))))
    assert found.recurrent_share == {"G": 0, "H": 0, "F": 0}
