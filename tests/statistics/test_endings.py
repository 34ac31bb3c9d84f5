"""Lengths, falls and successes; survival against SciPy's figures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from lrs_lightning.statistics.endings import endings, has_fallen, survival, time_to_fall
from lrs_lightning.statistics.result_line import Row
from lrs_lightning.statistics.results import episode_row
from lrs_lightning.statistics.summary import summarize
from tests.evaluation.fakes import fake_episode

TIMES = [(120, True), (340, True), (340, True), (400, False), (700, True), *[(1000, False)] * 3]


def row(length: int, terminated: bool = False, seed: int = 0, **more: Any) -> Row:
    about = {"length": length, "terminated": terminated, "seed": seed, "return_": float(seed)}
    return episode_row(fake_episode(**about, **more))


def test_survival_agrees_with_scipy() -> None:
    """SciPy 1.17.1: `stats.ecdf(CensoredData(uncensored, right)).sf`."""
    curve = survival([row(length, fell, k) for k, (length, fell) in enumerate(TIMES)])
    assert curve is not None and curve.watched == 1000
    assert curve.steps.tolist() == [0, 120, 340, 700]
    np.testing.assert_allclose(curve.share, [1, 0.875, 0.625, 0.46875])


def test_every_number_of_how_episodes_ended() -> None:
    found = endings([row(length, fell, k) for k, (length, fell) in enumerate(TIMES)])
    lengths = [length for length, _ in TIMES]
    assert found["length_mean"] == np.mean(lengths) and found["length_median"] == 550
    assert found["fall_rate"] == 0.5 and found["fall_median"] == 700
    centre, half = 0.5, 1.959964 * math.sqrt(0.25 / 8 + 1.959964**2 / 256) / (1 + 1.959964**2 / 8)
    assert found["fall_ci95"] == pytest.approx((centre - half, centre + half), abs=1e-6)
    assert math.isnan(found["success_rate"])


def test_a_success_is_no_fall_and_a_body_that_lies_is_one() -> None:
    assert has_fallen(row(10, True)) and not has_fallen(row(10, True, success=True))
    assert has_fallen(row(1000, fell_at=300)) and not has_fallen(row(1000))
    assert time_to_fall(row(1000, fell_at=300)) == 300 and time_to_fall(row(80, True)) == 80
    found = endings([row(9, True, 1, success=True), row(9, False, 2, success=False)])
    assert (found["success_rate"], found["fall_rate"]) == (0.5, 0.0)


def test_rows_of_old_do_not_know_how_they_ended() -> None:
    old = {key: value for key, value in row(10, True).items() if key != "terminated"}
    assert has_fallen(old) is None and survival([old]) is None
    assert math.isnan(endings([old])["fall_rate"]) and endings([old])["length_mean"] == 10
    assert math.isnan(endings([])["length_mean"])


def test_episodes_that_went_alike_are_counted_once_in_every_interval() -> None:
    played = [row(50 + k % 3, True, k, outcome=f"game {k % 3}") for k in range(30)]
    for r in played:
        r["return"] = float(r["seed"] % 3)
    (condition,) = summarize(played).conditions
    three = summarize(played[:3]).conditions[0]
    assert (condition["episodes"], condition["outcomes"]) == (30, 3)
    assert condition["return_mean"] == pytest.approx(three["return_mean"])
    assert condition["return_ci95"] == pytest.approx(three["return_ci95"], rel=0.05)
    assert condition["endings"]["fall_ci95"] == pytest.approx(three["endings"]["fall_ci95"])
