"""A frozen gate that breaks clean play is named where its numbers are shown."""

from __future__ import annotations

import pytest
from rich.console import Console

from lrs_lightning.report.table import table
from lrs_lightning.report.verdict import broken_by_freezing, verdict
from lrs_lightning.statistics.summary import summarize, summarize_all
from tests.evaluation.fakes import rows


def summary(clean: float, gate: str, references: bool = True):
    known = {"expert": 1000.0, "random": 0.0} if references else {}
    return summarize(rows({"clean": clean, "mass@1": 10.0}, "p"), known, {"gate": gate})


def test_it_is_said_where_the_numbers_are():
    console = Console(width=200, record=True)
    console.print(table(summary(30.0, "frozen")))
    assert "frozen F breaks clean play (0.0" in console.export_text()


@pytest.mark.parametrize(
    "good", [summary(900.0, "frozen"), summary(30.0, "learned"), summary(30.0, "frozen", False)]
)
def test_otherwise_nothing_is_said(good):
    assert broken_by_freezing(good) is None and "frozen" not in str(table(good).caption)


def test_half_of_the_experts_return_is_not_broken():
    half = rows({"clean": 500.0}, "p", spread=0.0)
    known = {"expert": 1000.0, "random": 0.0}, {"gate": "frozen"}
    assert broken_by_freezing(summarize(half, *known)) is None
    assert broken_by_freezing(summarize([{**r, "return": 499.9} for r in half], *known)) == (
        "frozen F breaks clean play (0.50 of the expert's return): returns under shift do not tell "
        "whether F adapts; evaluate the learned gate with --clean_gates F"
    )


def test_what_failed_is_counted_over_all_policies_and_the_first_is_named():
    good = [row for name in ("p", "q") for row in rows({"clean": 9.0, "mass@1": 1.0}, name, 3)]
    assert verdict(summarize_all(good, {})) is None
    broken = [{**good[k], "return": None, "status": "failed", "error": "no motor"} for k in (5, 8)]
    summary = summarize_all([row for k, row in enumerate(good) if k not in (5, 8)] + broken, {})
    assert verdict(summary, broken) == (
        "2 episodes failed and are left out (the first, mass@1 with seed 102: no motor); "
        "run again to play them once more"
    )
    assert verdict(summary) == (
        "2 episodes failed and are left out (see results.jsonl); run again to play them once more"
    )
    one = summarize_all([row for k, row in enumerate(good) if k != 5] + broken[:1], {})
    assert verdict(one) == (
        "1 episode failed and is left out (see results.jsonl); run again to play it once more"
    )
    del broken[0]["error"]
    assert "mass@1 with seed 102: see results.jsonl); run" in str(verdict(summary, broken))
