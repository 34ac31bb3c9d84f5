"""Holm's correction: by hand, and over many families of true nulls."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lrs_lightning.statistics.multiplicity import holm


def test_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.4, 0.9]).tolist() == pytest.approx([0.8, 0.9])
    assert holm([0.9, 0.9]).tolist() == [1.0, 1.0]
    assert holm([]).tolist() == [] and holm([0.03]).tolist() == [0.03]


def test_what_could_not_be_tested_does_not_count() -> None:
    np.testing.assert_allclose(holm([math.nan, 0.02, 0.5]), [math.nan, 0.04, 0.5])


@pytest.mark.parametrize("shared", [0.0, 0.9])
def test_few_families_of_true_nulls_have_a_false_finding(shared: float) -> None:
    rng = np.random.default_rng(0)
    u = rng.random((4000, 7))
    u = np.where(rng.random((4000, 7)) < shared, u[:, :1], u)  # some hang together
    wrong = np.mean([holm(family).min() < 0.05 for family in u])
    assert 0.01 < wrong <= 0.055
