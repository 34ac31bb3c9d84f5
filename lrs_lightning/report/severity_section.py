"""Return over severity: small multiples of what was measured, and of nothing between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from lrs_lightning.report.charts import Frame, key, level, line, panel, point, whisker
from lrs_lightning.report.dot_plot import Axis
from lrs_lightning.report.html import Cell, Markup, bar, element, named, section, table
from lrs_lightning.report.runs import Comparison
from lrs_lightning.report.subjects import Point, Subject, places, subjects
from lrs_lightning.report.wording import between, number
from lrs_lightning.statistics.returns import CLEAN
from lrs_lightning.statistics.summary import Summary

_SPREAD = 0.5  # of the way to the next severity that points of one severity share


def severities(comparison: Comparison) -> Markup | None:
    """A panel for each shift, on one axis of severities and one of returns."""
    compared = subjects(comparison)
    shown = [p for s in compared for p in s.points.values() if p.condition != CLEAN]
    if not shown:
        return None
    references = comparison.summaries[0].references
    values = [v for s in compared for p in s.points.values() for v in (p.mean, *p.ci95)]
    highest = max(p.severity for p in shown)
    frame = Frame(_severity_axis(highest), Axis.of([*values, *references.values()]))
    levels = [level(frame, value, name) for name, value in references.items()]
    many = len(compared)
    panels = [
        panel(shift, frame, [*levels, *(m for s in compared for m in _of(frame, s, shift, many))])
        for shift in dict.fromkeys(p.shift for p in shown)
    ]
    names = [key([s.name for s in compared])] if len(compared) > 1 else []
    drawn = element("div", *panels, class_="panels")
    return section("Return over severity", *names, drawn, *_areas(comparison), note=SEVERITIES)


def _severity_axis(highest: int) -> Axis:
    step = max(1, -(-highest // 6))
    return Axis(-0.6, highest + 0.6, tuple(float(k) for k in range(0, highest + 1, step)))


def _of(frame: Frame, subject: Subject, shift: str, many: int) -> Iterator[str]:
    """Intervals, joints and points of a subject under a shift, clean at severity 0."""
    found = {p.severity: p for p in subject.points.values() if p.shift == shift}
    if CLEAN in subject.points and 0 not in found:
        found[0] = subject.points[CLEAN]
    points = [found[k] for k in sorted(found) if np.isfinite(found[k].mean)]
    aside = _SPREAD * ((subject.index + 0.5) / many - 0.5) if many > 1 else 0.0
    for point_ in points:
        if np.isfinite(point_.ci95).all():
            yield whisker(frame, point_.severity + aside, point_.ci95, subject.index)
    for one, two in pairwise(points):
        if two.severity - one.severity == 1:
            ends = [(p.severity + aside, p.mean) for p in (one, two)]
            yield line(frame, ends, subject.index, "joint")
    for p in points:
        yield point(frame, p.severity + aside, p.mean, subject.index, _told(subject, p))


def _told(subject: Subject, p: Point) -> str:
    return f"{subject.name}, {p.condition}: {number(p.mean)} ({between(p.ci95)})"


def _areas(comparison: Comparison) -> list[Markup]:
    """Areas under the curves of shifts that were played at several severities."""
    summaries = comparison.summaries
    shifts = dict.fromkeys(shift for s in summaries for shift in s.severity_auc)
    if not shifts:
        return []
    kind = _share_or_return(summaries)
    rows: list[Sequence[Cell]] = []
    for shift in shifts:
        heights = [s.severity_auc.get(shift, {}).get(kind) for s in summaries]
        rows.append([shift, *(bar(h) if kind != "return_mean" else number(h) for h in heights)])
    place = places(comparison)
    head = [named(place[s.name], s.name) for s in summaries]
    whole = table(["shift", *head], rows, class_="striped sortable")
    label = element("summary", "Area under the severity curve")
    return [element("details", label, whole)]


def _share_or_return(summaries: Sequence[Summary]) -> str:
    areas = (area for s in summaries for area in s.severity_auc.values())
    unknown = any(area["expert_normalized"] is None for area in areas)
    return "return_mean" if unknown else "expert_normalized"


SEVERITIES = (
    "Points are measured means, upright lines their 95 % intervals; only neighbouring severities "
    "are joined, and severity 0 is the clean world. Dotted: expert and random policy. All panels "
    "have the same axes."
)
