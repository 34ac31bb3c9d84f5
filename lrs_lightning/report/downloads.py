"""The numbers of a report as CSV, inside the page.

Each table is compressed and stands in the address of its link: without the page's script the link
gives a `.csv.gz`, with it a plain `.csv`.
"""

from __future__ import annotations

import base64
import csv
import gzip
import io
from collections.abc import Iterable, Sequence
from typing import Any

from lrs_lightning.report.html import Markup, element, section
from lrs_lightning.report.runs import Comparison
from lrs_lightning.report.subjects import subjects
from lrs_lightning.statistics.results import condition_name

_FORMULA = ("=", "+", "-", "@", "\t")
_EPISODE = (
    "policy",
    "shift",
    "severity",
    "seed",
    "return",
    "length",
    "status",
    "fell_at",
    "success",
)


def downloads(comparison: Comparison) -> Markup:
    """Links to all tables."""
    tables = {
        "conditions": _conditions(comparison),
        "differences": _differences(comparison),
        "episodes": episodes(comparison),
    }
    links = [
        element("li", link(f"{comparison.env}-{name}.csv".replace("/", "-"), name, text))
        for name, text in tables.items()
        if text.count("\n") > 1
    ]
    return section("Numbers to take away", element("ul", *links, class_="links"), note=NOTE)


def link(file: str, name: str, text: str) -> Markup:
    """A link to a table, with its number of rows."""
    data = base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
    rows = text.count("\n") - 1
    return element(
        "a", f"{name}.csv ({rows:,} rows)", download=f"{file}.gz", data_csv=name,
        href=f"data:application/gzip;base64,{data}",
    )  # fmt: skip


def episodes(comparison: Comparison) -> str:
    """One row for each episode, under the names that its policy has in the report."""
    method = {name: s.name for s in subjects(comparison) for name in s.policies}
    rows = [
        [
            method.get(row["policy"], row["policy"]),
            condition_name(row),
            *(row.get(k) for k in _EPISODE),
        ]
        for row in comparison.rows
    ]
    return _csv(["method", "condition", *_EPISODE], rows)


def _conditions(comparison: Comparison) -> str:
    head = ["name", "condition", "shift", "severity", "episodes", "training_seeds", "return_mean"]
    head += ["return_low", "return_high", "of_expert", "of_own_clean", "fell", "success"]
    rows = [
        [
            s.name, p.condition, p.shift, p.severity, p.episodes, len(p.by_seed) or "", p.mean,
            *p.ci95, p.of_expert, p.of_own_clean, p.fell, p.success,
        ]
        for s in subjects(comparison) for p in s.points.values()
    ]  # fmt: skip
    return _csv(head, rows)


def _differences(comparison: Comparison) -> str:
    head = ["first", "second", "condition", "difference", "low", "high", "p_holm"]
    rows = [
        [d.a, d.b, d.condition, d.difference, *d.ci95, d.p_holm]
        for d in comparison.method_differences or comparison.differences
    ]
    return _csv(head, rows)


def _csv(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return file.getvalue()


def _cell(value: Any) -> Any:
    """Numbers in six digits; a text that a spreadsheet would compute is marked as text."""
    if isinstance(value, bool) or value is None:
        return "" if value is None else int(value)
    if isinstance(value, float):
        return "" if value != value else f"{value:.6g}"
    if isinstance(value, str):
        plain = value.replace("\r", " ").replace("\n", " ")
        return f"'{plain}" if plain.startswith(_FORMULA) else plain
    return value


NOTE = (
    "Tables of everything that this page shows; results.jsonl of the runs has still more columns."
)
