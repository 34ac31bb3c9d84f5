"""Performance profiles and heat maps: all episodes of a subject at a glance."""

from __future__ import annotations

import numpy as np

from lrs_lightning.report.charts import Frame, area, key, line, panel
from lrs_lightning.report.dot_plot import Axis
from lrs_lightning.report.html import Cell, Markup, element, figure, folded, named, section, table
from lrs_lightning.report.palette import NAMES, heat
from lrs_lightning.report.profile_curves import profile, thresholds_of
from lrs_lightning.report.runs import Comparison
from lrs_lightning.report.subjects import Point, Subject, subjects
from lrs_lightning.report.wording import UNKNOWN, share
from lrs_lightning.statistics.returns import CLEAN
from lrs_lightning.statistics.scale import Scale

MANY = 4  # heat maps beyond which they are folded away
_WIDTH, _HEIGHT = 640, 300


def profiles(comparison: Comparison) -> Markup | None:
    """Share of shifted episodes above each return, with its band."""
    returns = comparison.shared
    if not returns.conditions:
        return None
    scale = Scale.of(comparison.summaries[0].references)
    shifted = returns.shifted() if len(returns.conditions) > 1 else returns
    values = scale.normalized(shifted.values) if scale else shifted.values
    thresholds = thresholds_of(values, bool(scale))
    compared = subjects(comparison)
    frame = Frame(Axis.of(thresholds.tolist()), _SHARES, _WIDTH, _HEIGHT)
    bands, lines = [], []
    for s in compared:
        members = [values[returns.policies.index(name)] for name in s.policies]  # each (C, E)
        found = profile(list(np.concatenate(members)), thresholds)
        if found is not None:
            upper = list(zip(thresholds, found.high, strict=True))
            lower = list(zip(thresholds, found.low, strict=True))
            bands.append(area(frame, [*upper, *reversed(lower)], s.index))
            points = list(zip(thresholds, found.share, strict=True))
            lines.append(line(frame, points, s.index, "stairs", s.name))
    title = "expert-normalised return" if scale else "return"
    names = [key([s.name for s in compared])] if len(compared) > 1 else []
    drawn = figure(panel(title, frame, [*bands, *lines], wide=True))
    return section("Performance profiles", *names, drawn, note=PROFILES)


def heat_maps(comparison: Comparison) -> Markup | None:
    """Shift by severity, a table for each subject."""
    compared = [s for s in subjects(comparison) if len(s.points) > 1]
    if not compared:
        return None
    normalized = all(np.isfinite(p.of_expert) for s in compared for p in s.points.values())
    maps = [_heat_map(s, normalized, len(compared) > 1) for s in compared]
    meaning = OF_EXPERT if normalized else OF_OWN_CLEAN
    whole = element("div", *maps, class_="row")
    shown = folded(f"All {len(maps)} heat maps", whole, len(maps), MANY)
    return section("Heat maps", shown, note=f"Each cell is the {meaning}.")


def _heat_map(subject: Subject, normalized: bool, several: bool) -> Markup:
    shifted = [p for p in subject.points.values() if p.condition != CLEAN]
    severities = sorted({p.severity for p in shifted})
    at = {(p.shift, p.severity): p for p in shifted}
    rows: list[list[Cell]] = []
    if CLEAN in subject.points:
        rows.append([CLEAN, _cell(subject.points[CLEAN], normalized)])
        rows[0] += [None] * (len(severities) - 1)
    for shift in dict.fromkeys(p.shift for p in shifted):
        rows.append([shift, *(_cell(at.get((shift, k)), normalized) for k in severities)])
    head = ["shift", *(f"@{k}" for k in severities)]
    title = [element("h3", named(subject.index, subject.name))] if several else []
    return element("div", *title, table(head, rows, class_="heat"))


def _cell(p: Point | None, normalized: bool) -> Markup | None:
    value = np.nan if p is None else p.of_expert if normalized else p.of_own_clean
    if p is None or not np.isfinite(value):
        return None if p is None else Markup(f'<span class="unknown">{UNKNOWN}</span>')
    face, text = heat(value)
    style = f"background:var(--{NAMES[face]});color:var(--{NAMES[text]})"
    return Markup(f'<span class="rank" style="{style}">{share(value)}</span>')


_SHARES = Axis(-0.02, 1.02, (0.0, 0.25, 0.5, 0.75, 1.0))
OF_EXPERT = "share of the expert's return (0: random policy)"
OF_OWN_CLEAN = "share of its own clean return"
PROFILES = "Share of shifted episodes that earn more than the value below; bands hold 95 %."
