"""Rank correlations against SciPy where it is installed, and against cases known by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrs_lightning.analysis.correlations import Correlation, ranked, spearman
from lrs_lightning.errors import ArgumentError


def test_ties_share_their_mean_rank():
    assert ranked([3.0, 1.0, 3.0, 2.0]).tolist() == [3.5, 1.0, 3.5, 2.0]


@given(st.lists(st.integers(-5, 5), min_size=6, max_size=30))
@settings(max_examples=50, deadline=None)
def test_as_scipy_does(values):
    stats = pytest.importorskip("scipy.stats")
    x = np.array(values, np.float64)
    y = np.random.default_rng(0).integers(-3, 4, len(x)).astype(np.float64)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert math.isnan(spearman(x, y).value)
    else:
        assert spearman(x, y).value == pytest.approx(stats.spearmanr(x, y)[0], abs=1e-12)


def test_a_partial_correlation_has_its_textbook_value():
    g = np.random.default_rng(1)
    z = g.normal(size=200)
    x, y = z + g.normal(size=200), z + g.normal(size=200)
    ab, ac, bc = (spearman(*pair).value for pair in ((x, y), (x, z), (y, z)))
    expected = (ab - ac * bc) / math.sqrt((1 - ac**2) * (1 - bc**2))
    found = spearman(x, y, [z])
    assert found.value == pytest.approx(expected, abs=1e-12)
    assert abs(found.value) < 0.2 < ab and found.covariates == 1


def test_what_the_covariate_explains_wholly_is_unknown():
    x = np.arange(9.0)
    assert math.isnan(spearman(x, np.sin(x), [3 * x]).value)
    assert math.isnan(spearman(x, np.ones(9)).value)
    assert spearman(x, np.exp(x), [np.ones(9)]).value == pytest.approx(1)


def test_intervals_hold_what_they_promise():
    g, inside, wide = np.random.default_rng(2), 0, 0
    for _ in range(1000):
        x, y = g.normal(size=(2, 15))
        found = spearman(x, y)
        low, high = found.interval()
        inside += low <= 0 <= high
        wide += found.interval(comparisons=20)[0] <= 0 <= found.interval(comparisons=20)[1]
    assert 0.93 < inside / 1000 < 0.975
    assert wide / 1000 > 0.99


def test_few_pairs_have_no_interval():
    assert all(map(math.isnan, Correlation(0.5, 4).interval()))
    assert all(map(math.isnan, Correlation(0.5, 5, covariates=1).interval()))
    assert Correlation(1.0, 12).interval()[1] <= 1


def test_bad_series():
    with pytest.raises(ArgumentError, match="of length n"):
        spearman([1, 2, 3], [1, 2])
    with pytest.raises(ArgumentError, match="not finite"):
        spearman([1, 2, math.nan], [1, 2, 3])
