"""Drawn matrices and layers at their start lie where the closed forms say."""

from __future__ import annotations

import pytest

from lrs_lightning.analysis.plane import CELLS, drawn_matrices, resting_jacobians
from lrs_lightning.errors import ArgumentError


def test_the_plane_of_matrices():
    # 8 % at n = 64; 20 % on the norm for small rank at high sparsity, which has outliers; an
    # unmasked radius exceeds its limit with the root of the rank.
    points, decays = drawn_matrices(64, draws=40, ranks=(64, 16, 5), sparsities=(0.0, 0.5, 0.8))
    assert len(points) == 2 * 2 * 9 and len(decays) == 18
    for point in points:
        loose = point.quantity == "norm" and point.rank < 64 and point.sparsity >= 0.5
        tolerance = 0.20 if loose else 0.09
        assert point.draws.mean() == pytest.approx(point.theory, rel=tolerance), point


def test_resting_jacobians_of_every_cell():
    points = resting_jacobians(64, draws=6, ranks=(64, 16), sparsities=(0.0, 0.5))
    assert {point.what for point in points} == set(CELLS) and len(points) == 20
    for point in points:
        tolerance = 0.02 if point.what in ("gru", "lstm") else 0.12
        assert point.draws.mean() == pytest.approx(point.theory, rel=tolerance), point


def test_ranks_above_the_size_are_left_out():
    points, _ = drawn_matrices(8, draws=2, sparsities=(0.0,))
    assert {point.rank for point in points} == {8, 5}
    with pytest.raises(ArgumentError, match="draws is 1"):
        drawn_matrices(8, draws=1)
