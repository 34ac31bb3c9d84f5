"""Rank and sparsity at initialisation: closed forms as lines, drawn matrices as points."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from lrs_lightning.analysis.figures.picture import Picture, label, legend, picture
from lrs_lightning.analysis.plane import Decay, Point
from lrs_lightning.nn import theory
from lrs_lightning.report.plots import style

_TITLES = {
    "orthogonal": "orthogonal",
    "glorot": "Glorot",
    "rnn": "RNN",
    "cfc": "CfC",
    "cfc-no-gate": "CfC without gate",
    "gru": "GRU",
    "lstm": "LSTM (forget bias 1)",
}
_Y = {
    "radius": "spectral radius of W_rec",
    "norm": "spectral norm of W_rec",
    "jacobian": "spectral radius of the Jacobian at rest",
}
# What the closed forms say, whatever is drawn.
_SEEN = {
    "radius": "The radius falls as sparsity rises and as rank falls",
    "norm": "The norm falls with sparsity, an orthogonal matrix's of high rank rises first",
    "jacobian": "RNN and CfC shrink in proportion to W_rec, GRU and LSTM down to a floor",
}


def plane(points: Sequence[Point], quantity: str, size: int) -> Picture:
    """One quantity over sparsity, a line for each rank, a panel for each initialisation or cell."""
    shown = [point for point in points if point.quantity == quantity]
    panels = list(dict.fromkeys(point.what for point in shown))
    ranks = sorted({point.rank for point in shown}, reverse=True)
    figure = style.figure(max(2.15 * len(panels), 6.6), 3.5)
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    handles = []
    for panel, what in zip(axes, panels, strict=True):
        style.tidy(panel)
        style.title(panel, _TITLES[what])
        panel.axhline(1, color=style.MUTED, linewidth=0.9, linestyle=(0, (2, 3)))
        handles = [
            _line(panel, [p for p in shown if (p.what, p.rank) == (what, rank)], k, size)
            for k, rank in enumerate(ranks)
        ]
        label(panel, "sparsity s (share of zeros)")
    label(axes[0], "sparsity s (share of zeros)", _Y[quantity])
    axes[0].set_ylim(0, 1.04 * axes[0].get_ylim()[1])
    legend(figure, [f"rank {rank}" for rank in ranks], handles)
    worst = max(shown, key=_off)
    middle, draws = np.median([_off(p) for p in shown]), len(shown[0].draws)
    caption = (
        f"{_SEEN[quantity]} (lines: closed forms for many units; points: means of {draws} draws of "
        f"{size} units, bars: 5th to 95th percentile; means lie {middle:.1%} off the line "
        f"(median), {_off(worst):.0%} at most: {_TITLES[worst.what]}, r = {worst.rank}, "
        f"s = {worst.sparsity:g})."
    )
    return picture(f"theory-{quantity}", figure, caption)


def decay(decays: Sequence[Decay], size: int) -> Picture:
    """Singular values in descending order, full rank and a low one, orthogonal and Glorot."""
    inits = list(dict.fromkeys(one.init for one in decays))
    ranks = sorted({one.rank for one in decays}, reverse=True)
    chosen = [ranks[0], ranks[len(ranks) // 2]] if len(ranks) > 1 else ranks
    sparsities = sorted({one.sparsity for one in decays})
    figure = style.figure(8.6, 3.5)
    panels = [(init, rank) for init in inits for rank in chosen]
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    handles: list[Artist] = []
    for panel, (init, rank) in zip(axes, panels, strict=True):
        style.tidy(panel)
        style.title(panel, f"{_TITLES[init]}, r = {rank}")
        handles = []
        for k, sparsity in enumerate(sparsities):
            one = next(d for d in decays if (d.init, d.rank, d.sparsity) == (init, rank, sparsity))
            index = np.arange(1, len(one.theory) + 1)
            color = style.series(k)
            panel.plot(index[::3], one.drawn[::3], ".", color=color, markersize=4)
            handles.append(panel.plot(index, one.theory, color=color, linewidth=1.4)[0])
        label(panel, "index i")
    label(axes[0], "index i", "singular value of W_rec")
    legend(figure, [f"s = {s:g}" for s in sparsities], handles)
    caption = (
        "An orthogonal matrix has a flat spectrum, which the mask turns into a slope, and Glorot's "
        "decays from the start (lines: the limiting law for many units; points: means of "
        f"{decays[0].draws} draws of {size} units, every third index)."
    )
    return picture("theory-decay", figure, caption)


def _line(panel: Axes, points: Sequence[Point], index: int, size: int) -> Artist:
    """Points with bars, the closed form as a line for s above 0, and as a dash at s = 0."""
    color, first = style.series(index), points[0]
    x = np.array([p.sparsity for p in points]) + 0.006 * (index - 2)  # bars side by side
    drawn = np.array([[p.draws.mean(), *np.percentile(p.draws, [5, 95])] for p in points])
    panel.vlines(x, drawn[:, 1], drawn[:, 2], color=color, linewidth=1.2, alpha=0.6)
    panel.plot(x, drawn[:, 0], "o", color=color, markersize=3)
    if first.sparsity == 0:
        panel.plot(0, first.theory, "_", color=color, markersize=11)
    # The norm of an orthogonal matrix rises steeply as soon as anything is masked,
    # and all fall steeply at the end.
    grid = max(p.sparsity for p in points) * (1 - np.cos(np.linspace(0.05, np.pi, 40))) / 2
    law = _LAWS[first.quantity]
    y = [law(first.what, size, first.rank, float(s)) for s in grid]
    return panel.plot(grid, y, color=color, linewidth=1.5)[0]


def _off(point: Point) -> float:
    """Relative deviation of the mean draw from the closed form."""
    return abs(float(point.draws.mean()) / point.theory - 1)


_LAWS: dict[str, Callable[[str, int, int, float], float]] = {
    "radius": lambda init, size, rank, s: theory.spectral_radius(size, rank, s, init),
    "norm": lambda init, size, rank, s: theory.spectral_norm(size, rank, s, init),
    "jacobian": lambda cell, size, rank, s: theory.jacobian_radius(cell, size, rank, s),
}
