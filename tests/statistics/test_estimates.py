"""Each statistic against the formula of rliable 1.2, written out here once more the slow way."""

from __future__ import annotations

import numpy as np
import pytest

from lrs_lightning.errors import ArgumentError
from lrs_lightning.statistics import estimates

SIZES = [1, 2, 3, 4, 5, 7, 20, 60, 101]


def scores(size: int, ties: bool = False) -> np.ndarray:
    values = np.random.default_rng(size).normal(0.7, 0.5, size)
    return np.round(values * 4) / 4 if ties else values


def slow_iqm(values: np.ndarray) -> float:
    """scipy.stats.trim_mean(values, 0.25): what rliable's aggregate_iqm calls."""
    cut = int(0.25 * values.size)
    return float(np.mean(sorted(values)[cut : values.size - cut]))


def slow_gap(values: np.ndarray) -> float:
    """gamma - mean(minimum(scores, gamma)), gamma = 1: rliable's aggregate_optimality_gap."""
    return 1.0 - float(np.mean(np.minimum(values, 1.0)))


def slow_improvement(x: np.ndarray, y: np.ndarray) -> float:
    """Mann-Whitney's U over all pairs: rliable's probability_of_improvement, one task."""
    total = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a in x for b in y)
    return total / (len(x) * len(y))


CASES = {
    "iqm": (estimates.iqm, slow_iqm),
    "mean": (estimates.mean, lambda v: float(np.mean(v))),
    "median": (estimates.median, lambda v: float(np.median(v))),
    "optimality_gap": (estimates.optimality_gap, slow_gap),
}


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", CASES)
def test_equals_the_slow_formula(name: str, size: int, ties: bool) -> None:
    fast, slow = CASES[name]
    values = scores(size, ties)
    assert float(fast(values)) == pytest.approx(slow(values), abs=1e-12)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", CASES)
def test_weights_are_repetitions(name: str, size: int) -> None:
    fast, slow = CASES[name]
    values, rng = scores(size), np.random.default_rng(1)
    weights = rng.multinomial(size, np.ones(size) / size, size=5)
    expected = [slow(np.repeat(values, row)) for row in weights]
    np.testing.assert_allclose(fast(values, weights), expected, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_values_of_any_kind_are_counted_in_float64(name: str) -> None:
    fast, _ = CASES[name]
    single = scores(101).astype(np.float32)
    expected = fast(single.astype(np.float64), np.ones(101))
    assert fast(single, np.ones(101, np.float32)) == fast(single.tolist()) == expected
    whole = [0, 0, 1, 3, 4]
    assert fast(whole, [1, 1, 1, 1, 2]) == fast(np.array([*whole, 4.0]))


def test_shares_are_counted_in_float64_and_broadcast() -> None:
    single = scores(7).astype(np.float32)
    double = single.astype(np.float64)
    np.testing.assert_array_equal(estimates.retention(single, 3), double / 3)
    np.testing.assert_array_equal(
        estimates.expert_normalized(single, 3, -1), (double + 1) / np.float64(4)
    )
    found = estimates.retention([2.0, 3.0], [[1.0], [0.0], [4.0]])
    np.testing.assert_array_equal(found, [[2, 3], [np.nan, np.nan], [0.5, 0.75]])
    above = estimates.performance_profile(single, double[:3])
    np.testing.assert_array_equal(above, [(double > d).mean() for d in double[:3]])


def test_fixed_numbers() -> None:
    values = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 100.0])
    assert estimates.iqm(values) == 3.5  # 2, 3, 4, 5 remain
    assert estimates.median(values) == 3.5
    assert estimates.optimality_gap([0.5, 2.0]) == 0.25
    assert estimates.probability_of_improvement([1.0, 2.0], [1.0, 0.0]) == 0.875


@pytest.mark.parametrize(("m", "n"), [(1, 1), (3, 7), (20, 20)])
@pytest.mark.parametrize("ties", [False, True])
def test_probability_of_improvement(m: int, n: int, ties: bool) -> None:
    x, y = scores(m, ties), scores(n + 100, ties)[:n]
    found = float(estimates.probability_of_improvement(x, y))
    assert found == pytest.approx(slow_improvement(x, y), abs=1e-12)
    rng = np.random.default_rng(0)
    wx, wy = rng.multinomial(m, np.ones(m) / m), rng.multinomial(n, np.ones(n) / n)
    weighted = float(estimates.probability_of_improvement(x, y, wx, wy))
    expected = slow_improvement(np.repeat(x, wx), np.repeat(y, wy))
    assert weighted == pytest.approx(expected, abs=1e-12)


def test_performance_profile_is_the_share_above() -> None:
    values, thresholds = scores(60, ties=True), np.linspace(-1, 2, 13)
    found = estimates.performance_profile(values, thresholds)
    expected = [sum(v > t for v in values) / 60 for t in thresholds]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert (np.diff(found) <= 0).all()


def test_expert_normalized() -> None:
    found = estimates.expert_normalized([-300.0, 9700.0, 4700.0], expert=9700.0, random=-300.0)
    np.testing.assert_allclose(found, [0.0, 1.0, 0.5])
    with pytest.raises(ArgumentError, match="expert=1 and random=1 span no scale"):
        estimates.expert_normalized([1.0], expert=1.0, random=1.0)


def test_retention_is_unknown_where_nothing_is_earned() -> None:
    found = estimates.retention([50.0, 50.0, 50.0], [100.0, 0.0, -20.0])
    np.testing.assert_array_equal(found, [0.5, np.nan, np.nan])


@pytest.mark.parametrize(
    ("severities", "values", "expected"),
    [
        ([0, 1, 2, 3, 4, 5], [1, 1, 1, 1, 1, 1], 1.0),
        ([0, 1, 2, 3, 4, 5], [1, 0.8, 0.6, 0.4, 0.2, 0], 0.5),
        ([0, 3], [1, 0.5], 0.75),
        ([0, 1, 5], [1, 0, 0], 0.1),
    ],
)
def test_severity_auc(severities: list[int], values: list[float], expected: float) -> None:
    assert float(estimates.severity_auc(severities, values)) == pytest.approx(expected)


@pytest.mark.parametrize("severities", [[0], [0, 0, 1], [0, 2, 1]])
def test_severity_auc_needs_a_curve(severities: list[int]) -> None:
    with pytest.raises(ArgumentError, match="two or more ascending severities"):
        estimates.severity_auc(severities, np.ones(len(severities)))


def test_ranks_share_ties() -> None:
    scores = np.array([[3.0, 1.0, 5.0], [2.0, 1.0, 5.0], [1.0, 2.0, 5.0]])  # (P, C)
    expected = [[1, 2.5, 2], [2, 2.5, 2], [3, 1, 2]]
    np.testing.assert_array_equal(estimates.ranks(scores), expected)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([], "one or more values"),
        ([[1.0]], r"got shape \(1, 1\)"),
        ([1.0, np.nan], "1 of 2 values are NaN: leave failed episodes out"),
    ],
)
def test_bad_values(values: list[float], sentence: str) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        estimates.iqm(values)
