"""Rows as an array: who stands where, and what is missing."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest

from lrs_lightning.statistics.comparison import compare
from lrs_lightning.statistics.result_line import Row
from lrs_lightning.statistics.results import episode_row
from lrs_lightning.statistics.returns import Column, Returns, finite, outcome
from lrs_lightning.statistics.summary import summarize
from tests.evaluation.fakes import fake_episode, rows

NAN = float("nan")


def row(policy: str, shift: str, severity: int, seed: int, return_: float, **more: object) -> Row:
    about = {"policy": policy, "shift": shift, "severity": severity, "seed": seed}
    return episode_row(fake_episode(**about, return_=return_, **more))


def test_axes_are_policies_conditions_and_seeds() -> None:
    found = Returns.from_rows([
        row("b", "mass", 3, 7, 1.0),
        row("a", "mass", 3, 5, 2.0),
        row("b", "clean", 0, 5, 3.0),
        row("b", "friction", 1, 6, 4.0),
    ])  # fmt: skip
    assert found.policies == ("b", "a")
    assert [c.name for c in found.conditions] == ["clean", "mass@3", "friction@1"]
    assert found.conditions[1] == Column("mass@3", "mass", 3)
    assert found.seeds == (5, 6, 7)
    np.testing.assert_array_equal(found.values, [
        [[3, NAN, NAN], [NAN, NAN, 1], [NAN, 4, NAN]],
        [[NAN, NAN, NAN], [2, NAN, NAN], [NAN, NAN, NAN]],
    ])  # fmt: skip
    np.testing.assert_array_equal(found.of("a"), found.values[1])


def test_a_failed_episode_does_not_count_and_one_played_again_does() -> None:
    found = Returns.from_rows([
        row("a", "clean", 0, 1, 1.0),
        row("a", "clean", 0, 2, 2.0, status="failed"),
        row("a", "clean", 0, 3, 3.0, status="failed"),
        row("a", "clean", 0, 3, 4.0),
        row("a", "clean", 0, 4, float("inf")),
    ])  # fmt: skip
    np.testing.assert_array_equal(found.values, [[[1, NAN, 4, NAN]]])
    np.testing.assert_array_equal(finite(found.values[0, 0]), [1, 4])


def test_episodes_go_alike_where_they_say_so_or_else_where_their_numbers_agree() -> None:
    about = row("a", "clean", 0, 1, 5.0, length=9)
    assert outcome(about | {"outcome": "x"}) == outcome(about | {"outcome": "x", "return": 6.0})
    assert outcome(about | {"outcome": "x"}) != outcome(about | {"outcome": "y"})
    for unknown in ({}, {"outcome": None}, {"outcome": ""}, {"outcome": 3}):
        assert outcome(about | unknown) == (5.0, 9)
    labels = ("x", "y", "x", "", "")
    played = [row("a", "clean", 0, seed, 5.0, outcome=x) for seed, x in enumerate(labels)]
    found = Returns.from_rows(played)
    assert found.outcomes[0, 0, 0] == found.outcomes[0, 0, 2]
    assert found.outcomes[0, 0, 3] == found.outcomes[0, 0, 4]
    assert found.different(["a"]).tolist() == [3]


def test_conditions_are_chosen_with_their_values() -> None:
    found = Returns.from_rows(rows({"clean": 1.0, "mass@1": 2.0, "mass@2": 3.0}))
    shifted = found.shifted()
    assert [c.name for c in shifted.conditions] == ["mass@1", "mass@2"]
    np.testing.assert_array_equal(shifted.values, found.values[:, 1:])
    assert (shifted.policies, shifted.seeds) == (found.policies, found.seeds)
    with pytest.raises(ValueError, match="shorter"):
        found.select([True])


@pytest.mark.parametrize("kind", ["column", "returns", "difference", "summary"])
def test_what_was_counted_cannot_be_changed(kind: str) -> None:
    played = rows({"clean": 1.0}) + rows({"clean": 2.0}, policy="other")
    returns = Returns.from_rows(played)
    counted = {
        "column": returns.conditions[0],
        "returns": returns,
        "difference": compare(returns)[0],
        "summary": summarize(played[:20]),
    }[kind]
    for field in fields(counted):
        with pytest.raises(FrozenInstanceError):
            setattr(counted, field.name, None)
