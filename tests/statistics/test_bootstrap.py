"""Intervals: what they cover, what they depend on, and the quantile they are widened by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lrs_lightning.errors import ArgumentError
from lrs_lightning.statistics import bootstrap, estimates

Draw = Callable[[np.random.Generator, int, int], Any]


def normal(rng: np.random.Generator, stratum: int, size: int) -> Any:
    return rng.normal(stratum, 1 + stratum, size)


def falls_or_runs(rng: np.random.Generator, stratum: int, size: int) -> Any:
    """Two in five episodes end in a fall: the shape of returns under a shift."""
    return np.where(rng.random(size) < 0.4, rng.normal(0, 1, size), rng.normal(8, 1, size))


def truth(draw: Draw, strata: int, statistic: estimates.Statistic) -> float:
    many = 100_000
    rng = np.random.default_rng(12345)
    values = np.concatenate([draw(rng, k, many) for k in range(strata)])
    return float(statistic(values, np.ones(values.size)))


@pytest.mark.parametrize(
    "data_sets",
    [pytest.param(400, id="400"), pytest.param(1000, id="1000", marks=pytest.mark.long)],
)
@pytest.mark.parametrize(
    ("draw", "sizes", "statistic"),
    [
        (normal, (3,), estimates.mean),
        (normal, (5,), estimates.mean),
        (normal, (20,), estimates.mean),
        (falls_or_runs, (20,), estimates.mean),
        (normal, (10,) * 6, estimates.iqm),
        (normal, (20,) * 3, estimates.iqm),
        (normal, (20,) * 6, estimates.optimality_gap),
    ],
)
def test_covers_the_truth_in_95_of_100_data_sets(
    draw: Draw, sizes: tuple[int, ...], statistic: estimates.Statistic, data_sets: int
) -> None:
    target, hits = truth(draw, len(sizes), statistic), 0
    for data_set in range(data_sets):
        rng = np.random.default_rng(data_set)
        strata = [draw(rng, k, n) for k, n in enumerate(sizes)]
        low, high = bootstrap.interval(strata, statistic, resamples=600, seed=data_set)
        hits += low <= target <= high
    error = 2 * (0.95 * 0.05 / data_sets) ** 0.5  # of a share over so many data sets
    assert 0.93 - error <= hits / data_sets <= 0.97 + error


def test_equals_a_plain_loop_over_resamples() -> None:
    strata = [np.arange(5.0), np.arange(7.0) ** 2]
    rng = np.random.default_rng(3)
    drawn = [rng.integers(5, size=(40, 5)), rng.integers(7, size=(40, 7))]
    slow = [
        np.concatenate([s[d[r]] for s, d in zip(strata, drawn, strict=True)]).mean()
        for r in range(40)
    ]
    fast = bootstrap.replicate(np.concatenate(strata), [5, 7], estimates.mean, 40, seed=3)
    np.testing.assert_allclose(fast, slow)


def test_same_seed_same_interval_and_chunks_change_nothing_but_the_draw() -> None:
    strata = [np.random.default_rng(0).normal(size=30) for _ in range(3)]
    first = bootstrap.interval(strata, estimates.iqm, seed=1)
    assert first == bootstrap.interval(strata, estimates.iqm, seed=1)
    assert first != bootstrap.interval(strata, estimates.iqm, seed=2)


def test_large_data_are_resampled_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_CHUNK", 500)
    monkeypatch.setattr(bootstrap, "_SMALL", 99)
    seen: list[int] = []

    def spy(values: Any, weights: Any) -> Any:
        seen.append(len(weights))
        return estimates.mean(values, weights)

    replicates = bootstrap.replicate(np.arange(100.0), [60, 40], spy, 23)
    assert replicates.shape == (23,) and seen == [5, 5, 5, 5, 3]


def test_draws_that_are_kept_are_those_of_a_new_generator() -> None:
    values = np.random.default_rng(0).normal(size=20)
    kept = bootstrap.replicate(values, [20], estimates.mean, 300, seed=4)
    np.testing.assert_array_equal(kept, bootstrap.replicate(values, [20], estimates.mean, 300, 4))
    weights = bootstrap.counts([20], 300, np.random.default_rng(4))
    np.testing.assert_array_equal(kept, estimates.mean(values, weights))
    with pytest.raises(ValueError, match="read-only"):
        bootstrap.draws((20,), 300, 4)[0, 0] = 1.0


def test_every_stratum_keeps_its_size() -> None:
    drawn = bootstrap.counts([3, 8], 50, np.random.default_rng(0))
    assert drawn.shape == (50, 11)
    assert (drawn[:, :3].sum(1) == 3).all() and (drawn[:, 3:].sum(1) == 8).all()


def test_outcomes_that_were_seen_more_than_once_are_drawn_together() -> None:
    """Weighted by how often they were seen, and as few as they are."""
    values, often = np.random.default_rng(0).normal(size=12), np.array([1.0] * 11 + [30.0])
    rng = np.random.default_rng(0)
    drawn = bootstrap.counts([12], 2000, rng) * often
    low, high = bootstrap.interval([values], estimates.mean, repeats=[often])
    expected = bootstrap.percentile_interval(drawn @ values / drawn.sum(1), [12])
    assert (low, high) == pytest.approx(tuple(expected))
    assert bootstrap.interval([values], estimates.mean, repeats=[np.ones(12)]) == (
        bootstrap.interval([values], estimates.mean)
    )
    assert np.isnan(bootstrap.interval([[3.0]], estimates.mean, repeats=[[30.0]])).all()


def test_one_episode_has_no_interval_and_equal_ones_have_a_point() -> None:
    assert np.isnan(bootstrap.interval([[3.0]], estimates.mean)).all()
    assert bootstrap.interval([[3.0] * 5], estimates.mean) == (3.0, 3.0)


@pytest.mark.parametrize("confidence", [95, 1.5, 1, 0, -0.5])
def test_confidence_out_of_range(confidence: float) -> None:
    with pytest.raises(ArgumentError, match=f"confidence={confidence:g} must lie between 0 and 1"):
        bootstrap.interval([[1.0, 2.0]], estimates.mean, confidence=confidence)


@pytest.mark.parametrize("size", [4, 40])
def test_more_confidence_is_wider(size: int) -> None:
    values = [np.random.default_rng(0).normal(size=size)]
    ends = [bootstrap.interval(values, estimates.mean, confidence=c) for c in (0.5, 0.8, 0.95)]
    assert ends[2][0] < ends[1][0] < ends[0][0] < ends[0][1] < ends[1][1] < ends[2][1]


def test_by_default_it_is_the_95_percent_interval() -> None:
    values = [np.random.default_rng(0).normal(size=30)]
    assert bootstrap.interval(values, estimates.mean) == bootstrap.interval(
        values, estimates.mean, resamples=2000, confidence=0.95, seed=0
    )
