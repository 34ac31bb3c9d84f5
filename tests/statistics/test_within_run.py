"""Means of the episodes of one run, each again by its formula written out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lrs_lightning.statistics.student import Estimate
from lrs_lightning.statistics.within_run import mean_of_clusters, mean_of_conditions


def test_clusters_by_their_formula() -> None:
    values = np.array([[1.0, 4.0, 9.0, 25.0, np.nan], [2.0, 3.0, 5.0, 7.0, 11.0]])
    labels = np.array([[0, 1, 0, 3, 1], [4, 4, 2, 2, 0]])
    have, clusters = np.isfinite(values), np.array([3, 3])
    found = mean_of_clusters(values, have, labels, clusters)
    for c, (row, own) in enumerate(zip(values, labels, strict=True)):
        kept = [(float(x), int(k)) for x, k in zip(row, own, strict=True) if np.isfinite(x)]
        mean = sum(x for x, _ in kept) / len(kept)
        sums = [sum(x - mean for x, j in kept if j == k) for k in {k for _, k in kept}]
        squared = 3 / 2 * sum(s * s for s in sums)
        assert found.value[c] == pytest.approx(mean)
        assert found.error[c] == pytest.approx(math.sqrt(squared) / len(kept))
    assert found.freedom.tolist() == [2, 2]


def test_with_a_label_for_each_it_is_the_plain_standard_error() -> None:
    x = np.array([[3.0, 8.0, 1.0, 4.0]])
    found = mean_of_clusters(x, np.isfinite(x), np.array([[2, 0, 3, 1]]), np.array([4]))
    assert found.value == x.mean() and found.freedom == 3
    assert found.error == pytest.approx(x.std(ddof=1) / 2)


def test_of_one_outcome_and_of_none_there_is_no_error() -> None:
    values = np.array([[5.0, 5.0], [np.nan, np.nan]])
    found = mean_of_clusters(
        values, np.isfinite(values), np.zeros((2, 2), np.int64), np.array([1, 0])
    )
    assert found.value[0] == 5 and np.isnan(found.value[1])
    assert np.isnan([*found.error, *found.freedom]).all()


def test_conditions_count_alike_and_their_variances_add() -> None:
    each = Estimate(
        np.array([9.0, 1.0, 5.0, 3.0]), np.array([7.0, 0.3, 0.4, 1.2]), np.array([2.0, 4, 9, 19])
    )
    found = mean_of_conditions(each, np.array([False, True, True, True]))
    variances, freedoms = (0.09, 0.16, 1.44), (4, 9, 19)
    total = sum(variances)
    assert found.value == 3 and found.error == pytest.approx(math.sqrt(total) / 3)
    parts = [v * v / f for v, f in zip(variances, freedoms, strict=True)]
    assert found.freedom == pytest.approx(total**2 / sum(parts))  # Welch and Satterthwaite


def test_where_nothing_varies_the_mean_is_certain() -> None:
    each = Estimate(np.array([1.0, 2.0]), np.zeros(2), np.array([4.0, 5.0]))
    found = mean_of_conditions(each, np.array([True, True]))
    assert (found.value, found.error, found.freedom) == (1.5, 0, 9)
