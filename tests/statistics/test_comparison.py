"""Comparisons of policies against plain loops over pairs of episodes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

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
        apart = [
            [one - two for one, two in pairs(p[None], q[None])] for p, q in zip(x, y, strict=True)
        ]
        assert d.episodes == d.outcomes == sum(map(len, apart))
        assert d.difference == pytest.approx(np.mean([np.mean(some) for some in apart]))
        wins = [share_of_wins(row, other) for row, other in zip(x, y, strict=True)]
        assert d.improvement == pytest.approx(np.mean(wins))


@pytest.mark.parametrize("size", [6, 10, 12])
def test_intervals_of_one_condition_are_students(size: int) -> None:
    values = draw((2, 1, size))
    (d,) = compare(returns(values))
    apart = values[0, 0] - values[1, 0]
    half = T_975[size - 1] * apart.std(ddof=1) / math.sqrt(size)
    assert d.ci95 == pytest.approx((apart.mean() - half, apart.mean() + half), abs=1e-3 * half)
    assert d.p == d.p_holm and (d.p < 0.05) == (d.ci95[0] > 0 or d.ci95[1] < 0)


def test_over_all_shifts_the_variances_of_the_conditions_add() -> None:
    values = draw((2, 3, 12))
    *_, overall = compare(returns(values))
    apart = (values[0] - values[1])[1:]
    half = 2.07 * math.sqrt(sum(apart.var(axis=1, ddof=1) / 12)) / 2  # about 22 degrees of freedom
    assert overall.condition == OVERALL
    assert overall.ci95 == pytest.approx(
        (apart.mean() - half, apart.mean() + half), abs=0.02 * half
    )


def test_as_many_comparisons_as_there_are_correct_each() -> None:
    values = draw((3, 2, 10))
    values[0] += 1.5
    found = compare(returns(values, ("a", "b", "c")))
    p = sorted(d.p for d in found)
    assert min(d.p_holm for d in found) == pytest.approx(len(found) * p[0])
    assert all(d.p <= d.p_holm <= 1 for d in found)


def test_episodes_that_went_alike_are_one_outcome() -> None:
    """Thirty games that are six different ones tell as much as six, and have their mean."""
    six = draw((2, 1, 6))
    thirty = np.repeat(six, 5, axis=2)
    labels = np.broadcast_to(np.repeat(np.arange(0, 30, 5), 5), thirty.shape)
    plainly = replace(returns(thirty), outcomes=labels)
    (few,), (many,) = compare(returns(six)), compare(plainly)
    assert (many.episodes, many.outcomes, few.episodes) == (30, 6, 6)
    assert many.difference == pytest.approx(few.difference)
    assert many.ci95 == pytest.approx(few.ci95) and many.p == pytest.approx(few.p)
    assert many.improvement_ci95 == pytest.approx(few.improvement_ci95)
    only = replace(returns(thirty), outcomes=np.zeros(thirty.shape, np.int64))
    (one,) = compare(only)
    assert one.outcomes == 1 and np.isnan([*one.ci95, one.p, one.p_holm]).all()


def test_where_one_side_repeats_itself_its_outcomes_count() -> None:
    values = draw((2, 1, 12))
    values[0, 0] = np.repeat(values[0, 0, :3], 4)
    labels = np.array([[np.repeat([0, 4, 8], 4)], [np.arange(12)]])
    (d,) = compare(replace(returns(values), outcomes=labels))
    apart = (values[0] - values[1])[0].reshape(3, 4).mean(1)
    half = 4.3027 * apart.std(ddof=1) / math.sqrt(3)
    assert (d.episodes, d.outcomes) == (12, 3)
    assert d.ci95 == pytest.approx((apart.mean() - half, apart.mean() + half), rel=1e-4)


def test_conditions_are_resampled_each_in_itself() -> None:
    # Far apart from one another, but in each condition every pair differs by the same amount.
    values = np.zeros((2, 4, 10))
    values[0] = np.array([0.0, 1.0, 50.0, 900.0])[:, None]
    overall = compare(returns(values))[-1]
    assert overall.condition == OVERALL and overall.difference == pytest.approx(951 / 3)
    assert overall.ci95 == pytest.approx((951 / 3, 951 / 3))
    low, high = overall.improvement_ci95
    assert overall.improvement == high == 1 and 0.8 < low < 1


def test_conditions_count_alike_in_the_chance_of_improvement() -> None:
    values = np.full((2, 3, 10), NAN)
    values[0, 1], values[1, 1] = 1.0, 0.0  # ten pairs, always better
    values[0, 2, :5], values[1, 2, :5] = 0.0, 1.0  # five pairs, always worse
    overall = compare(returns(values))[-1]
    assert (overall.episodes, overall.improvement) == (15, 0.5)


def test_pairs_take_the_luck_of_the_start_out() -> None:
    luck, own = draw((1, 1, 12)) * 100, draw((2, 1, 12), seed=1)
    (d,) = compare(returns(luck + own))
    assert d.ci95[1] - d.ci95[0] < 6


@pytest.mark.parametrize("better", [0, 1])
def test_a_chance_stays_between_0_and_1_and_is_never_certain(better: int) -> None:
    values = np.zeros((2, 1, 6))
    values[better] = 1.0
    (d,) = compare(returns(values))
    low, high = d.improvement_ci95
    assert d.improvement == 1 - better
    assert (low, high) == pytest.approx((0.69, 1) if better == 0 else (0, 0.31), abs=0.01)


@pytest.mark.parametrize(("size", "told"), [(4, False), (5, True)])
def test_of_few_episodes_no_chance_is_told(size: int, told: bool) -> None:
    (d,) = compare(returns(draw((2, 1, size))))
    assert np.isfinite([d.improvement, *d.improvement_ci95]).all() == told
    assert np.isfinite(d.difference)


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
    assert (d.episodes, d.difference) == (1, 3.0)
    assert np.isnan([*d.ci95, d.p, d.p_holm, d.improvement]).all()
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
