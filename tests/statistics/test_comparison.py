"""Comparisons of policies against plain loops over pairs of episodes."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from lrs_lightning.statistics.comparison import (
    OVERALL,
    Difference,
    compare,
    mean_ranks,
    paired_retention,
    plain,
)
from lrs_lightning.statistics.estimates import Array
from lrs_lightning.statistics.returns import Column, Returns

NAN = float("nan")
T_975 = {5: 2.571, 9: 2.262, 11: 2.201}  # Student's t by degrees of freedom, from a printed table


def returns(values: Array, policies: tuple[str, ...] = ("a", "b")) -> Returns:
    """Values `(P, C, E)` of the conditions clean, mass@1, mass@2, ..."""
    conditions = [Column("clean", "clean", 0)]
    conditions += [Column(f"mass@{s}", "mass", s) for s in range(1, values.shape[1])]
    return Returns(policies, tuple(conditions), tuple(range(values.shape[2])), values)


def draw(shape: tuple[int, ...], seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(5.0, 2.0, shape)


def pairs(x: Array, y: Array) -> Iterator[tuple[float, float]]:
    """What both have played, one condition after another."""
    for row, other in zip(x, y, strict=True):
        for one, two in zip(row, other, strict=True):
            if math.isfinite(one) and math.isfinite(two):
                yield float(one), float(two)


def share_of_wins(x: Array, y: Array) -> float:
    """Over all pairs of an episode of x and one of y; a tie counts one half."""
    both = np.isfinite(x) & np.isfinite(y)
    wins = [1.0 if a > b else 0.5 if a == b else 0.0 for a in x[both] for b in y[both]]
    return sum(wins) / len(wins)


@pytest.fixture
def played() -> Returns:
    """Three policies, three conditions, twelve seeds; some episodes are missing."""
    values = draw((3, 3, 12))
    values[0, 1, 3] = values[1, 1, 5] = values[1, 2, 5] = values[2, 0, 0] = NAN
    return returns(values, ("a", "b", "c"))


def test_every_pair_in_every_condition_and_over_all_shifts(played: Returns) -> None:
    found = [(d.a, d.b, d.condition) for d in compare(played)]
    names = ["clean", "mass@1", "mass@2", OVERALL]
    assert found == [(a, b, name) for a, b in ("ab", "ac", "bc") for name in names]


def test_differences_are_means_over_the_pairs(played: Returns) -> None:
    for d in compare(played):
        overall = d.condition == OVERALL
        rows = [c.name == d.condition or (overall and c.severity > 0) for c in played.conditions]
        x, y = played.of(d.a)[rows], played.of(d.b)[rows]
        expected = [one - two for one, two in pairs(x, y)]
        assert d.episodes == len(expected)
        assert d.difference == pytest.approx(np.mean(expected))
        wins = [share_of_wins(row, other) for row, other in zip(x, y, strict=True)]
        assert d.improvement == pytest.approx(np.mean(wins))


@pytest.mark.parametrize("size", [6, 10, 12])
def test_intervals_of_one_condition_are_students(size: int) -> None:
    values = draw((2, 1, size))
    (d,) = compare(returns(values))
    apart = values[0, 0] - values[1, 0]
    half = T_975[size - 1] * apart.std(ddof=1) / math.sqrt(size)
    assert d.ci95 == pytest.approx((apart.mean() - half, apart.mean() + half), abs=0.2 * half)


def test_conditions_are_resampled_each_in_itself() -> None:
    # Far apart from one another, but in each condition every pair differs by the same amount.
    values = np.zeros((2, 4, 10))
    values[0] = np.array([0.0, 1.0, 50.0, 900.0])[:, None]
    overall = compare(returns(values))[-1]
    assert overall.condition == OVERALL and overall.difference == pytest.approx(951 / 3)
    assert overall.ci95 == pytest.approx((951 / 3, 951 / 3))
    assert overall.improvement == 1 and overall.improvement_ci95 == (1, 1)


def test_conditions_count_alike_in_the_chance_of_improvement() -> None:
    values = np.full((2, 3, 10), NAN)
    values[0, 1], values[1, 1] = 1.0, 0.0  # ten pairs, always better
    values[0, 2, :2], values[1, 2, :2] = 0.0, 1.0  # two pairs, always worse
    overall = compare(returns(values))[-1]
    assert (overall.episodes, overall.improvement) == (12, 0.5)


def test_pairs_take_the_luck_of_the_start_out() -> None:
    luck, own = draw((1, 1, 12)) * 100, draw((2, 1, 12), seed=1)
    (d,) = compare(returns(luck + own))
    assert d.ci95[1] - d.ci95[0] < 6
    assert d.improvement_ci95[1] - d.improvement_ci95[0] < 0.4


@pytest.mark.parametrize("better", [0, 1])
def test_a_chance_stays_between_0_and_1(better: int) -> None:
    values = np.zeros((2, 1, 4))
    values[better] = [1.0, 1.0, 1.0, 0.0]
    (d,) = compare(returns(values))
    low, high = d.improvement_ci95
    assert 0 <= low < d.improvement < high <= 1
    assert (high if better == 0 else 1 - low) == 1  # a plain interval would go beyond


def test_the_interval_of_a_chance_covers_what_chance_does() -> None:
    (d,) = compare(returns(np.random.default_rng(0).normal(size=(2, 1, 200))))
    low, high = d.improvement_ci95
    # U of two samples of n has the deviation sqrt((2 n + 1) / (12 n n)) where nothing differs.
    deviation = math.sqrt(401 / (12 * 200 * 200))
    assert high - low == pytest.approx(2 * 1.96 * deviation, rel=0.15)


def test_over_all_shifts_needs_two_of_them() -> None:
    assert [d.condition for d in compare(returns(draw((2, 2, 5))))] == ["clean", "mass@1"]
    assert [d.condition for d in compare(returns(draw((2, 3, 5))))][-1] == OVERALL


def test_what_only_one_has_played_is_not_compared() -> None:
    values = draw((2, 3, 4))
    values[0, 1] = values[1, 2] = NAN
    assert [d.condition for d in compare(returns(values))] == ["clean"]
    values[0, 0, :2] = values[1, 0, 2:] = NAN
    assert compare(returns(values)) == []


def test_one_pair_has_no_interval() -> None:
    values = np.full((2, 1, 3), NAN)
    values[:, 0, 1] = 4.0, 1.0
    (d,) = compare(returns(values))
    assert (d.episodes, d.difference, d.improvement) == (1, 3.0, 1.0)
    assert np.isnan([*d.ci95]).all()
    content = d.to_dict()
    assert content["ci95"] == [None, None] and content["difference"] == 3.0
    assert list(content) == list(Difference.__dataclass_fields__)


def test_turned_round_a_difference_changes_its_sign() -> None:
    values = draw((2, 3, 12))
    forth, back = compare(returns(values)), compare(returns(values[::-1].copy()))
    for one, two in zip(forth, back, strict=True):
        assert one.difference == pytest.approx(-two.difference)
        assert one.improvement == pytest.approx(1 - two.improvement)
        assert one.ci95 == pytest.approx((-two.ci95[1], -two.ci95[0]), abs=0.3)


def test_intervals_are_a_function_of_the_seed() -> None:
    some = returns(draw((2, 3, 12)))
    assert compare(some) == compare(some, seed=0)
    for one, two in zip(compare(some), compare(some, seed=1), strict=True):
        assert one.difference == two.difference and one.improvement == two.improvement
        assert one.ci95 != two.ci95 and one.improvement_ci95 != two.improvement_ci95


def test_retention_is_the_ratio_of_means_over_the_pairs() -> None:
    shifted, clean = draw((12,)), 10 + draw((12,), seed=1)
    shifted[2] = clean[7] = NAN
    share, (low, high) = paired_retention(shifted, clean)
    both = list(pairs(shifted[None], clean[None]))
    assert len(both) == 10
    assert share == pytest.approx(sum(x for x, _ in both) / sum(y for _, y in both))
    # The deviation of a ratio of means, by the delta method.
    x, y = np.array(both).T
    half = T_975[9] * (x - share * y).std(ddof=1) / y.mean() / math.sqrt(10)
    assert (low, high) == pytest.approx((share - half, share + half), abs=0.2 * half)
    assert paired_retention(shifted, clean, seed=1)[1] != (low, high)


@pytest.mark.parametrize(
    ("shifted", "clean"),
    [([1.0, 2.0], [-1.0, -2.0]), ([1.0, 2.0], [1.0, -1.0]), ([1.0, NAN], [NAN, 1.0])],
)
def test_no_share_of_nothing(shifted: list[float], clean: list[float]) -> None:
    share, ends = paired_retention(np.array(shifted), np.array(clean))
    assert np.isnan([share, *ends]).all()


def test_a_share_of_what_may_be_nothing_has_no_bounds() -> None:
    share, ends = paired_retention(np.array([1.0, 2.0, 3.0]), np.array([-1.0, 2.0, 5.0]))
    assert share == 1.0 and np.isnan([*ends]).all()


def test_mean_ranks() -> None:
    values = np.array([
        [[9.0, 1.0], [4.0, 4.0], [NAN, NAN]],
        [[8.0, NAN], [6.0, 6.0], [1.0, NAN]],
        [[5.0, 5.0], [9.0, 1.0], [2.0, 2.0]],
    ])  # fmt: skip
    found = mean_ranks(returns(values, ("a", "b", "c")))
    # Means: clean 5, 8, 5; mass@1 4, 6, 5; mass@2 unknown, 1, 2.
    np.testing.assert_array_equal(found, [[2.5, 3, NAN], [1, 1, 2], [2.5, 2, 1]])


def test_plain_values_are_those_of_json() -> None:
    given = {1: np.float32(0.5), "n": np.int64(3), "a": np.array([1.0, NAN]), "t": (math.inf, "x")}
    found = plain(given)
    assert found == {"1": 0.5, "n": 3, "a": [1.0, None], "t": [None, "x"]}
    assert [type(v) for v in found.values()] == [float, int, list, list]
    assert plain(True) is True and plain(None) is None
