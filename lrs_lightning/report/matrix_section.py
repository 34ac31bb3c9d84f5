"""The shift x method table: a cell for each, sorted and filtered by its reader."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from lrs_lightning.report.html import Markup, dot, element, section
from lrs_lightning.report.palette import NAMES, heat
from lrs_lightning.report.runs import Comparison
from lrs_lightning.report.subjects import Point, Subject, subjects
from lrs_lightning.report.wording import UNKNOWN, between, number, share


class _Measure(NamedTuple):
    """A number that cells can show."""

    key: str
    name: str
    of: Callable[[Point], float]
    told: Callable[[float], str]


_MEASURES = (
    _Measure("return", "return", lambda p: p.mean, number),
    _Measure("expert", "share of the expert", lambda p: p.of_expert, share),
    _Measure("clean", "share of own clean", lambda p: p.of_own_clean, share),
    _Measure("fell", "share that fell", lambda p: p.fell, share),
    _Measure("success", "share that succeeded", lambda p: p.success, share),
)


def matrix(comparison: Comparison) -> Markup | None:
    """Conditions down, methods or policies across; None of a single one."""
    compared = subjects(comparison)
    if len(compared) < 2:
        return None
    points = [p for s in compared for p in s.points.values()]
    known = [m for m in _MEASURES if any(np.isfinite(m.of(p)) for p in points)]
    names = dict.fromkeys(p.condition for p in points)
    first = "expert" if any(m.key == "expert" for m in known) else "return"
    head = [element("th", "shift", scope="col", class_="word"), *map(_heading, compared)]
    body = [
        element(
            "tr",
            element("th", name, scope="row", class_="word"),
            *(_cell(s.points.get(name), known, first) for s in compared),
        )
        for name in names
    ]
    whole = element(
        "table", element("thead", element("tr", *head)), element("tbody", *body),
        class_="matrix sortable", data_measure=first,
    )  # fmt: skip
    return section(
        "Shift by method" if any(len(s.policies) > 1 for s in compared) else "Shift by policy",
        _choice(known, first),
        element("div", whole, class_="scroll tall", tabindex="0"),
        note=MATRIX,
    )


def _heading(subject: Subject) -> Markup:
    name = Markup(dot(subject.index).text + element("bdi", subject.name, class_="clamp").text)
    return element("th", name, scope="col", class_="number", title=subject.name)


def _cell(p: Point | None, known: Sequence[_Measure], first: str) -> Markup:
    """All numbers of a cell; the script shows the one that was chosen."""
    if p is None:
        return element("td", UNKNOWN, class_="number")
    shown, data = UNKNOWN, []
    for measure in known:
        value = measure.of(p)
        if np.isfinite(value):
            data.append(f' data-{measure.key}="{measure.told(value)}"')
            shown = measure.told(value) if measure.key == first else shown
    style = ""
    if np.isfinite(p.of_expert):
        face, text = heat(p.of_expert)
        style = f' style="background:var(--{NAMES[face]});color:var(--{NAMES[text]})"'
    told = f"{number(p.mean)} ({between(p.ci95)})"
    return Markup(f'<td class="number"{"".join(data)} title="{told}"{style}>{shown}</td>')


def _choice(known: Sequence[_Measure], first: str) -> Markup:
    """Buttons that choose the number; without the script they are hidden."""
    buttons = [
        element(
            "button", m.name, type="button", data_measure=m.key,
            aria_pressed=str(m.key == first).lower(),
        )
        for m in known
    ]  # fmt: skip
    return element("div", *buttons, class_="choice", role="group", aria_label="number shown")


MATRIX = (
    "Darker is nearer to the expert, whichever number is shown. A mouse that rests on a cell is "
    "told its return and interval; a click on a heading sorts by it."
)
