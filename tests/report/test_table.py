"""Numbers as people read them, and the table that a run ends with."""

from __future__ import annotations

import pytest

from lrs_lightning.report.table import differences, table
from lrs_lightning.report.wording import between, headline_sentence, number, share
from lrs_lightning.statistics.results import episode_row
from lrs_lightning.statistics.summary import Summary, summarize, summarize_all
from tests.evaluation.fakes import fake_episode, rows

MEANS = {"clean": 9000.0, "mass@3": 5000.0}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12_345.678, "12,346"), (-12_345.678, "-12,346"), (100.0, "100"), (99.96, "100.0"),
        (-99.94, "-99.9"), (10.0, "10.0"), (9.994, "9.99"), (-0.126, "-0.13"), (0.0, "0.00"),
        (None, "-"),
    ],
)  # fmt: skip
def test_a_return_has_as_many_digits_as_it_needs(value: float | None, text: str) -> None:
    assert number(value) == text


def test_intervals_and_shares() -> None:
    assert between([-5.0, 1234.5]) == "-5.00 to 1,234"
    assert between([None, 1.0]) == between([1.0, None]) == "-"
    assert (share(0.987), share(-1.0), share(None)) == ("0.99", "-1.00", "-")


def columns(summary: Summary, title: str | None = None) -> dict[str, list[object]]:
    shown = table(summary, title)
    return {str(column.header): list(column.cells) for column in shown.columns}


def test_a_row_holds_the_numbers_of_its_condition() -> None:
    summary = summarize(rows(MEANS), {"expert": 10_000.0, "random": -200.0})
    found = columns(summary)
    conditions = summary.conditions
    assert found == {
        "shift": ["clean", "mass@3"],
        "return": [number(c["return_mean"]) for c in conditions],
        "95 % interval": [between(c["return_ci95"]) for c in conditions],
        "of expert": [share(c["expert_normalized"]) for c in conditions],
        "of own clean": ["1.00", share(conditions[1]["retention"])],
    }


def test_words_stand_left_and_numbers_right() -> None:
    shown = table(summarize(rows(MEANS)))
    assert [column.justify for column in shown.columns] == ["left", *["right"] * 4]


def test_failed_episodes_have_a_column_where_there_are_some() -> None:
    failed = [episode_row(fake_episode(seed=s, status="failed")) for s in (50, 51)]
    found = columns(summarize([*rows(MEANS), *failed]))
    assert found["failed"] == ["2", ""]
    assert table(summarize([*rows(MEANS), *failed])).columns[-1].justify == "right"


def test_it_is_named_after_policy_and_task_or_as_asked() -> None:
    summary = summarize(rows(MEANS, policy="mine"))
    told = headline_sentence(summary.headline)
    assert told.startswith("mean over shifts") and "worst shift mass@3" in told
    assert table(summary).title == f"mine on HalfCheetah-v5\n{told}"
    assert table(summary, "After training").title == f"After training\n{told}"
    clean = summarize(rows({"clean": 9.0}, policy="mine"))
    assert table(clean).title == "mine on HalfCheetah-v5"
    assert table(summary).title_justify == "left"


def test_differences_are_shown_pair_by_pair() -> None:
    played = [*rows(MEANS, "one"), *rows({k: v / 2 for k, v in MEANS.items()}, "two")]
    summary = summarize_all(played, {"expert": 10_000.0, "random": -200.0}, {}, {})
    shown = differences(summary)
    first, second, shift, apart, *_ = [list(column.cells) for column in shown.columns]
    told = summary.differences
    assert set(first) == {"one"} and set(second) == {"two"}
    assert shift == [d["condition"] for d in told]
    assert apart == [number(d["difference"]) for d in told]
