"""Proxies against robustness: partial rank correlations, on own and common trajectories."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lrs_lightning.analysis.figures.picture import Picture, label, picture
from lrs_lightning.analysis.proxies import Association
from lrs_lightning.report.plots import style

_TITLES = {
    "weights": "weights",
    "own": "on own trajectories",
    "common": "on common trajectories",
}


def associations(found: Sequence[Association]) -> Picture:
    """A row for each proxy, a panel for each kind of trajectory, one scale for all."""
    kinds = [kind for kind in _TITLES if any(a.kind == kind for a in found)]
    counts = [sum(a.kind == kind for a in found) for kind in kinds]
    figure = style.figure(7.8, 1.7 + 0.24 * sum(counts))
    panels = figure.subplots(
        len(kinds), 1, sharex=True, squeeze=False, height_ratios=[c + 0.6 for c in counts]
    )[:, 0]
    for panel, kind in zip(panels, kinds, strict=True):
        style.tidy(panel, grid="x")
        style.title(panel, _TITLES[kind])
        panel.axvline(0, color=style.MUTED, linewidth=0.9, linestyle=(0, (2, 3)))
        shown = [a for a in found if a.kind == kind]
        for y, one in enumerate(shown):
            low, high = one.partial.interval()
            wide = one.partial.interval(one.comparisons)
            panel.hlines(y, *wide, color=style.series(0), linewidth=1.2, alpha=0.5)
            panel.hlines(y, low, high, color=style.series(0), linewidth=3, alpha=0.6)
            panel.plot(one.partial.value, y, "o", color=style.series(0), markersize=5)
            panel.plot(one.clean.value, y, "x", color=style.MUTED, markersize=5)
        panel.set_yticks(range(len(shown)), [a.proxy for a in shown], color=style.INK)
        panel.set_ylim(len(shown) - 0.5, -0.6)
        panel.set_xlim(-1, 1)
    label(panels[-1], "rank correlation with the return under shift, clean return taken out")
    return picture("proxies", figure, _caption(found))


def _caption(found: Sequence[Association]) -> str:
    alone = sum(_clear(a.partial.interval()) for a in found)
    together = sum(_clear(a.partial.interval(a.comparisons)) for a in found)
    return (
        f"Over {found[0].partial.n} runs, {len(found)} comparisons: {alone} of the 95 % intervals "
        f"leave out 0 (thick bars; chance alone gives about {0.05 * len(found):.1f}), {together} "
        "when all shall hold together (thin bars, Bonferroni); crosses: correlation with the clean "
        "return."
    )


def _clear(ends: tuple[float, float]) -> bool:
    """Whether an interval leaves out 0."""
    return bool(np.isfinite(ends).all() and (ends[0] > 0 or ends[1] < 0))
