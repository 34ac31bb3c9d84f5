"""Chances: their equation, their coverage, and that they never are points."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lrs_lightning.statistics.chances import better_interval, rate_interval
from lrs_lightning.statistics.estimates import probability_of_improvement


@pytest.mark.parametrize(
    ("rate", "size", "ends"),  # of SciPy 1.17.1, binomtest(...).proportion_ci("wilson")
    [
        (0.9, 10, (0.5958499732047615, 0.9821237869049271)),
        (1.0, 5, (0.5655175352168251, 1.0)),
        (0.0, 5, (0.0, 0.4344824647831749)),
    ],
)
def test_a_rate_is_wilsons(rate: float, size: int, ends: tuple[float, float]) -> None:
    assert rate_interval(rate, size) == pytest.approx(ends, abs=1e-12)


@pytest.mark.parametrize(("m", "n"), [(5, 5), (5, 12), (20, 20), (2, 30)])
@pytest.mark.parametrize("chance", [0.0, 0.3, 0.5, 0.95, 1.0])
def test_the_ends_of_a_chance_solve_newcombes_equation(chance: float, m: int, n: int) -> None:
    low, high = better_interval(chance, m, n)
    for end in (low, high):
        if end in (0.0, 1.0) or end == chance:
            continue
        middle = (m + n) / 2 - 1
        more = middle * (1 - end) / (2 - end) + middle * end / (1 + end)
        variance = end * (1 - end) * (1 + more) / (m * n)
        assert abs(end - chance) == pytest.approx(1.959964 * math.sqrt(variance), rel=1e-5)
    assert 0 <= low <= chance <= high <= 1 and high - low > 0.1


def test_turned_round_and_in_arrays() -> None:
    chance = np.array([0.0, 0.2, 0.7])
    low, high = better_interval(chance, 6, np.array([6, 7, 8]))
    back = better_interval(1 - chance, np.array([6, 7, 8]), 6)
    np.testing.assert_allclose(back, [1 - high, 1 - low], atol=1e-12)
    assert np.isnan(better_interval(math.nan, 5, 5)).all()


@pytest.mark.parametrize(("size", "shift"), [(5, 0.0), (10, 0.8), (20, 1.5), (5, 2.0)])
def test_a_chance_covers_the_truth(size: int, shift: float) -> None:
    truth = 0.5 * (1 + math.erf(shift / 2))  # of two normals that lie `shift` apart
    rng, studies = np.random.default_rng(0), 1500
    seen = [
        float(probability_of_improvement(rng.normal(shift, 1, size), rng.normal(0, 1, size)))
        for _ in range(studies)
    ]
    low, high = better_interval(seen, size, size)
    assert 0.93 <= np.mean((low <= truth) & (truth <= high)) <= 0.99
