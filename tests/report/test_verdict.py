"""A frozen gate that breaks clean play is named where its numbers are shown."""

from __future__ import annotations

import pytest
from rich.console import Console

from lrs_lightning.report.table import table
from lrs_lightning.report.verdict import broken_by_freezing
from lrs_lightning.statistics.summary import summarize
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
