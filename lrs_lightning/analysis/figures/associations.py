"""Proxies against robustness: rank correlations on own and common trajectories, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from lrs_lightning.analysis.figures.picture import Picture, label, legend, picture
from lrs_lightning.analysis.proxies import WEIGHTS, Association
from lrs_lightning.report.plots import style

_TITLES = {"own": "on own trajectories", "common": "on common trajectories", WEIGHTS: "of weights"}
_MARKS = (
    "with the return under shift, clean return taken out",
    "not taken out",
    "with the clean return",
)


def associations(found: Sequence[Association]) -> Picture:
    """A row for each proxy, a column for each kind of trajectory, one scale for all."""
    kinds = [kind for kind in ("own", "common") if any(a.kind == kind for a in found)]
    rows = list(dict.fromkeys(a.proxy for a in found if a.kind != WEIGHTS))
    of_weights = list(dict.fromkeys(a.proxy for a in found if a.kind == WEIGHTS))
    heights = [len(names) + 0.6 for names in (rows, of_weights) if names]
    figure = style.figure(8.6, 1.9 + 0.27 * sum(heights))
    grid = figure.subplots(
        len(heights), max(len(kinds), 1), sharex=True, sharey="row", squeeze=False,
        height_ratios=heights,
    )  # fmt: skip
    handles: list[Artist] = []
    for column, kind in enumerate(kinds):
        handles = _panel(grid[0, column], [a for a in found if a.kind == kind], rows, kind)
    if of_weights:
        below = grid[-1, 0]
        handles = _panel(below, [a for a in found if a.kind == WEIGHTS], of_weights, WEIGHTS)
        for empty in grid[-1, 1:]:
            empty.set_axis_off()
    # The lowest panel of each column carries the axis, also where a shared one hides it.
    lowest = [grid[-1, 0], *(grid[0, c] for c in range(1, len(kinds)))]
    for panel in lowest:
        panel.tick_params(labelbottom=True)
        label(panel, "rank correlation")
    legend(figure, _MARKS, handles)
    return picture("proxies", figure, _caption(found))


def _panel(
    panel: Axes, shown: Sequence[Association], rows: Sequence[str], kind: str
) -> list[Artist]:
    style.title(style.tidy(panel, grid="x"), _TITLES[kind])
    panel.axvline(0, color=style.MUTED, linewidth=0.9, linestyle=(0, (2, 3)))
    color = style.series(0)
    marks: list[Artist] = []
    for one in shown:
        y = rows.index(one.proxy)
        panel.hlines(y, *one.partial.interval(one.comparisons), color=color, lw=1.2, alpha=0.5)
        panel.hlines(y, *one.partial.interval(), color=color, lw=3, alpha=0.6)
        drawn = (
            panel.plot(one.partial.value, y, "o", color=color, markersize=5),
            panel.plot(one.shifted.value, y, "o", color=color, mfc=style.PAPER, markersize=4.5),
            panel.plot(one.clean.value, y, "x", color=style.series(1), markersize=5),
        )
        marks = [mark for (mark,) in drawn]
    panel.set_yticks(range(len(rows)), rows, color=style.INK)
    panel.set_ylim(len(rows) - 0.5, -0.6)
    panel.set_xlim(-1.03, 1.03)
    return marks


def _caption(found: Sequence[Association]) -> str:
    alone = sum(_clear(a.partial.interval()) for a in found)
    together = sum(_clear(a.partial.interval(a.comparisons)) for a in found)
    return (
        f"Over {found[0].partial.n} runs, {len(found)} comparisons: {alone} of the 95 % intervals "
        f"of the filled points leave out 0 (thick bars; chance alone gives about "
        f"{0.05 * len(found):.1f}), {together} when all shall hold together (thin bars, "
        "Bonferroni)."
    )


def _clear(ends: tuple[float, float]) -> bool:
    """Whether an interval leaves out 0."""
    return bool(np.isfinite(ends).all() and (ends[0] > 0 or ends[1] < 0))
