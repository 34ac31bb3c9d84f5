"""Whatever is folded away, cut or left out beyond a limit: at the limit itself nothing is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
from matplotlib.figure import Figure

from lrs_lightning.report import (
    analysis_section,
    answer_section,
    ending_section,
    method_sections,
    profile_section,
    sections,
    table,
)
from lrs_lightning.report.html import Markup
from lrs_lightning.report.plots import style
from lrs_lightning.report.runs import Comparison, gather
from lrs_lightning.statistics.summary import Summary, summarize_all
from tests.report.approved import check
from tests.report.test_page import study

survival = import_module("lrs_lightning.report.plots.survival")  # a function has its name


@dataclass
class Shown:
    """What the parts below are made of."""

    methods: Comparison
    """Of two methods: five policies that count in three conditions, and one that does not."""
    three: Comparison
    """Of three."""
    runs: Comparison
    """Three policies of one training each, with films and an analysis."""
    summary: Summary
    """Of the methods, for a terminal."""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    runs = study(("a", "b", "c"))
    folder = tmp_path_factory.mktemp("run")
    runs[0] = type(runs[0])(folder, runs[0].summaries, runs[0].rows, [])
    for name in ("x", "y"):
        (folder / f"{name}.gif").write_bytes(b"GIF89a" + name.encode())
        runs[0].films.append(folder / f"{name}.gif")
    (folder / "analysis").mkdir()
    (folder / "analysis" / "gates.svg").write_text("<svg/>")
    (folder / "analysis" / "figures.json").write_text('{"figures": [{"name": "gates"}]}')
    methods = gather(study())
    known = {s.name: s.policy for s in methods.summaries}
    summary = summarize_all(methods.rows, methods.summaries[0].references, known)
    return Shown(methods, gather(study(("a", "a", "b", "b", "c", "c"))), gather(runs), summary)


def text(part: Markup | None) -> str:
    assert part is not None
    return part.text


def rows_of(part: Any) -> list[list[Any]]:
    return [[str(part.caption)], *([*column.cells] for column in part.columns)]


def titles(figure: Figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in figure.axes]


LIMITS: list[tuple[ModuleType, str, Callable[[Shown], Any], int]] = [
    (sections, "MANY", lambda s: text(sections.cards(s.runs)), 3),
    (sections, "MANY", lambda s: text(sections.ranks(s.runs)), 3),
    (sections, "LONG", lambda s: text(sections.headline(s.runs)), 9),
    (sections, "LONGEST", lambda s: text(sections.headline(s.runs)), 9),
    (sections, "LONG", lambda s: text(sections.differences(s.runs)), 12),
    (sections, "FILM_BYTES", lambda s: text(sections.films(s.runs)), 14),
    (analysis_section, "_BYTES", lambda s: analysis_section.analysis(s.runs), 6),
    (method_sections, "LONG", lambda s: text(method_sections.methods(s.methods)), 6),
    (method_sections, "LONG", lambda s: text(method_sections.method_differences(s.methods)), 4),
    (ending_section, "LONG", lambda s: text(ending_section.endings(s.runs)), 9),
    (ending_section, "MOST", lambda s: text(ending_section.endings(s.methods)), 1),
    (profile_section, "MANY", lambda s: text(profile_section.heat_maps(s.runs)), 3),
    (answer_section, "MOST", lambda s: answer_section.answer(s.methods).text, 4),
    (answer_section, "MOST", lambda s: answer_section.answer(s.three).text, 2),
    (answer_section, "MOST", lambda s: answer_section.answer(gather(s.runs.runs[:1])).text, 3),
    (table, "DIFFERENCES_SHOWN", lambda s: rows_of(table.method_differences(s.summary)), 4),
    (table, "DIFFERENCES_SHOWN", lambda s: rows_of(table.differences(s.summary)), 60),
    (table, "CAVEATS_SHOWN", lambda s: rows_of(table.overview(s.summary)), 2),
    (style, "LONGEST_LABEL", lambda s: style.label("a name of twenty-two!"), 21),
    (survival, "MOST", lambda s: titles(survival.survival(s.methods.survival, [])), 1),
]  # fmt: skip


@pytest.mark.parametrize(
    ("module", "name", "part", "size"),
    LIMITS,
    ids=[f"{module.__name__.rpartition('.')[2]}-{name}-{n}" for module, name, _, n in LIMITS],
)
def test_a_limit_is_passed_by_one_more_and_not_reached(
    module: ModuleType,
    name: str,
    part: Callable[[Shown], Any],
    size: int,
    shown: Shown,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def at(limit: int) -> Any:
        monkeypatch.setattr(module, name, limit)
        return part(shown)

    assert at(size) == at(10**9) and at(size - 1) != at(10**9)


def test_what_is_told_beyond_a_limit_is_the_approved(shown: Shown) -> None:
    """The words that are there where one fewer is allowed, and not at the limit itself."""
    lines = []
    for module, name, part, size in LIMITS:
        found = []
        for limit in (size, size - 1):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(module, name, limit)
                found.append(words(part(shown)))
        within, beyond = found
        lines.append(f"{module.__name__.rpartition('.')[2]}.{name} = {size - 1}")
        lines += [f"    {text}" for text in beyond if text not in within]
    check("limits.txt", "\n".join(lines) + "\n")


def words(part: Any) -> list[str]:
    """All texts of a part, of HTML those between its tags."""
    if isinstance(part, Markup):
        return words(part.text)
    if isinstance(part, list):
        return [text for each in part for text in words(each)]
    return [text for text in re.split(r"<[^>]*>", str(part)) if text.strip()]


def test_the_limits_are_the_approved_ones() -> None:
    """Who changes one changes what readers see first."""
    found = {f"{m.__name__.rpartition('.')[2]}.{name}": getattr(m, name) for m, name, *_ in LIMITS}
    assert found == {
        **{"sections.MANY": 6, "sections.LONG": 30, "sections.LONGEST": 600},
        **{"sections.FILM_BYTES": 24_000_000, "analysis_section._BYTES": 8_000_000},
        **{"method_sections.LONG": 30, "ending_section.LONG": 30, "ending_section.MOST": 24},
        **{"profile_section.MANY": 4, "answer_section.MOST": 24, "table.DIFFERENCES_SHOWN": 20},
        **{"table.CAVEATS_SHOWN": 5, "style.LONGEST_LABEL": 40, "survival.MOST": 24},
    }
