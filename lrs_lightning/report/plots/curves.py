"""Return against severity, one panel for each shift."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lrs_lightning.report.plots import style
from lrs_lightning.statistics.condition_summary import ConditionSummary
from lrs_lightning.statistics.returns import CLEAN, Column
from lrs_lightning.statistics.summary import Summary, severity_curve

COLUMNS = 4


def severity_curves(summaries: Sequence[Summary]) -> Figure:
    """Mean return over severity with 95 % intervals, from clean (0) on.

    Points are what was measured; only neighbouring severities are joined. All panels have one axis.

    Args:
        summaries: of policies that played the same suite.
    """
    shifts = [s for s in _shifts(summaries) if any(len(_curve(x, s)) > 1 for x in summaries)]
    across = min(COLUMNS, max(len(shifts), 1))
    down = -(-max(len(shifts), 1) // across)
    figure = style.figure(max(2.35 * across, 4.0), 1.9 * down + 0.5)
    panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
    handles: list[Artist] = []
    for panel, shift in zip(panels, shifts, strict=False):
        style.tidy(panel)
        style.title(panel, shift)
        _references(panel, summaries[0])
        handles = [_line(panel, summary, shift, k) for k, summary in enumerate(summaries)]
        panel.xaxis.get_major_locator().set_params(integer=True)
    for panel in panels[len(shifts) :]:
        panel.set_axis_off()
    figure.supxlabel("severity", fontsize=9, color=style.MUTED)
    figure.supylabel("return", fontsize=9, color=style.MUTED)
    style.legend(figure, [s.name for s in summaries], handles)
    return figure


def _shifts(summaries: Sequence[Summary]) -> list[str]:
    found = (c["shift"] for s in summaries for c in s.conditions if c["condition"] != CLEAN)
    return list(dict.fromkeys(found))


def _curve(summary: Summary, shift: str) -> list[ConditionSummary]:
    by_column = {
        Column(c["condition"], c["shift"], c["severity"]): c
        for c in summary.conditions
        if c["return_mean"] is not None
    }
    return [by_column[column] for column in severity_curve(by_column, shift)]


def _line(axes: Axes, summary: Summary, shift: str, index: int) -> Artist:
    points, color = _curve(summary, shift), style.series(index)
    severity = np.array([p["severity"] for p in points])
    mean = np.array([p["return_mean"] for p in points])
    ends = np.array([p["return_ci95"] for p in points], np.float64).reshape(-1, 2)  # None is NaN
    axes.vlines(severity, ends[:, 0], ends[:, 1], color=color, linewidth=1.6, alpha=0.5)
    for k in np.flatnonzero(np.diff(severity) == 1):
        axes.plot(severity[k : k + 2], mean[k : k + 2], color=color, linewidth=1.2, alpha=0.6)
    marker = style.marker(index)
    return axes.plot(severity, mean, marker, color=color, markersize=4.5)[0]


def _references(axes: Axes, summary: Summary) -> None:
    for value in summary.references.values():
        axes.axhline(value, color=style.MUTED, linewidth=1, linestyle=(0, (2, 3)))
