"""The tables that `fit` and `evaluate` end with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from lrs_lightning.report.verdict import broken_by_freezing
from lrs_lightning.statistics.summary import Summary

UNKNOWN = "-"
DIFFERENCES_SHOWN = 20


def table(summary: Summary, title: str | None = None) -> Table:
    """Shift, return with its 95 % interval, share of the expert's return and of its own clean one.

    Returns:
        A table for `rich.print`; `failed` has a column where an episode failed.
    """
    shown = Table(title=title or f"{summary.name} on {summary.env}", title_justify="left")
    shown.add_column("shift")
    for name in ("return", "95 % interval", "of expert", "of own clean"):
        shown.add_column(name, justify="right")
    if summary.failed:
        shown.add_column("failed", justify="right")
    for condition in summary.conditions:
        cells = [*_cells(condition)]
        if summary.failed:
            cells.append(str(condition["failed"] or ""))
        shown.add_row(*cells)
    shown.caption = broken_by_freezing(summary)
    return shown


def differences(summary: Summary) -> Table:
    """Paired differences between policies, the first 20; `summary.json` has all of them."""
    shown = Table(title="paired differences: first minus second", title_justify="left")
    for name in ("first", "second", "shift"):
        shown.add_column(name, no_wrap=True)
    for name in ("difference", "95 % interval", "P(better)"):
        shown.add_column(name, justify="right", no_wrap=True)
    for d in summary.differences[:DIFFERENCES_SHOWN]:
        cells = number(d["difference"]), between(d["ci95"]), share(d["improvement"])
        shown.add_row(d["a"], d["b"], d["condition"], *cells)
    rest = len(summary.differences) - DIFFERENCES_SHOWN
    shown.caption = f"{rest} more in summary.json" if rest > 0 else None
    return shown


def _cells(condition: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    return (
        str(condition["condition"]),
        number(condition["return_mean"]),
        between(condition["return_ci95"]),
        share(condition["expert_normalized"]),
        share(condition["retention"]),
    )


def number(value: float | None) -> str:
    """A return: whole from 100 on, with digits below."""
    if value is None:
        return UNKNOWN
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


def between(ends: list[float | None]) -> str:
    """An interval of returns."""
    return UNKNOWN if None in ends else f"{number(ends[0])} to {number(ends[1])}"


def share(value: float | None) -> str:
    """A share with two digits."""
    return UNKNOWN if value is None else f"{value:.2f}"
