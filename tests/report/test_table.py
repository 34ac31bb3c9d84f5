"""Numbers as people read them, and the table that a run ends with."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.table import Table

from lrs_lightning.report import table as tables
from lrs_lightning.report.table import closing, differences, overview, table
from lrs_lightning.report.wording import (
    between,
    chance,
    counted,
    headline_sentence,
    number,
    p_value,
    several,
    share,
    with_sign,
)
from lrs_lightning.statistics.result_line import Row
from lrs_lightning.statistics.results import episode_row
from lrs_lightning.statistics.summary import Summary, summarize, summarize_all
from tests.evaluation.fakes import fake_episode, rows
from tests.report.approved import check

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


@pytest.mark.parametrize(
    ("difference", "text"),
    [(0.016, "+0.02"), (-0.016, "-0.02"), (12.34, "+12.3"), (-1234.5, "-1,234"), (None, "-")],
)
def test_a_difference_has_a_sign_and_the_digits_of_a_return(
    difference: float | None, text: str
) -> None:
    assert with_sign(difference) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "< 0.001"), (0.00099, "< 0.001"), (0.001, "0.001"), (0.04949, "0.049"), (1.0, "1.000"),
     (None, "-"), (float("nan"), "-")],
)  # fmt: skip
def test_a_p_value_has_three_digits(value: float | None, text: str) -> None:
    assert p_value(value) == text


def test_chances_and_counts() -> None:
    assert [chance(x) for x in (0.987, 0.0, None, float("nan"))] == [
        "0.99", "0.00", "too few", "too few",
    ]  # fmt: skip
    assert [counted(*x) for x in ((3, None), (3, 3), (3, 2), (0, 0))] == [
        "3", "3", "3 (2 differ)", "0",
    ]  # fmt: skip
    assert [several(n, "seed") for n in range(3)] == ["0 seeds", "1 seed", "2 seeds"]


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


def screen(parts: list[Table]) -> str:
    """What a terminal of 200 columns shows, and how each table would use another width."""
    console = Console(width=200, record=True, file=io.StringIO())
    for part in parts:
        console.print(part)
    lines = [line.rstrip() for line in console.export_text().splitlines()]
    for part in parts:
        lines.append(f"title {part.title_justify}, caption {part.caption_justify}, columns")
        lines += [f"  {c.header}: {c.justify}{', one line' * c.no_wrap}" for c in part.columns]
    return "\n".join(lines) + "\n"


def ended(policy: str, k: int, means: dict[str, float]) -> list[Row]:
    """Three episodes of each condition; the first k + 1 fall under the last of them."""
    found = rows(means, policy, episodes=3)
    for row in found:
        down = row["condition"] == list(means)[-1] and row["seed"] < 101 + k
        row |= {"terminated": down, "success": row["seed"] == 102, "length": 50 if down else 90}
    return found


def test_the_tables_of_policies_look_as_approved() -> None:
    means = {"clean": 900.0, "mass@1": 80.0, "mass@3": 5.0}
    played = [*ended("one", 0, means), *rows({k: v / 2 for k, v in means.items()}, "two", 3)]
    played += [episode_row(fake_episode(policy="two", seed=9, status="failed"))]
    for row in played:
        if (row["policy"], row["condition"]) == ("one", "mass@1"):
            row["outcome"] = "always the same"
    known = {"one": {"seeds": {"training": 3}}, "two": {"gate": "frozen"}}
    summary = summarize_all(played, {"expert": 1000.0, "random": 0.0}, known)
    check("policies_in_a_terminal.txt", screen(closing(summary)))


def test_the_tables_of_methods_look_as_approved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "DIFFERENCES_SHOWN", 3)
    played, known = [], {}
    for k, name in enumerate(("lrs", "lrs", "lrs", "dense", "dense", "alone")):
        means = {"clean": 900.0 + 9 * k, "mass@1": 800.0 - 20 * k**2, "mass@3": 500.0 - 90 * k}
        played += ended(f"p{k}", 0, means)
        known[f"p{k}"] = {"seeds": {"training": k % 5}, "configuration": {"model.rank": name}}
    methods, differing, *each = closing(summarize_all(played, {}, known))
    check("methods_in_a_terminal.txt", screen([methods, differing, each[0], each[-1]]))
    assert [str(part.title).split()[0] for part in each] == list(known)


@pytest.mark.parametrize("references", [{}, {"expert": 1000.0, "random": 0.0}])
def test_the_overview_of_many_looks_as_approved(references: dict[str, float]) -> None:
    played = ended("one", 0, {"clean": 900.0, "mass@1": 80.0}) + rows({"clean": 5.0}, "two", 3)
    summary = summarize_all(played, references, {"one": {"seeds": {"training": 3}}})
    name = "overview_in_a_terminal.txt" if references else "overview_without_references.txt"
    check(name, screen([overview(summary)]))


def test_a_summary_that_counts_no_outcomes_looks_as_if_all_differed() -> None:
    played = ended("one", 0, MEANS)
    summary = summarize(played, {"expert": 1000.0, "random": 0.0})
    before = screen(closing(summary))
    for condition in summary.conditions:
        del condition["outcomes"]
    assert screen(closing(summary)) == before
