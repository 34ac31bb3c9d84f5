"""Every condition in a row: mean return of each policy with its 95 % interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lrs_lightning.report.plots import style
from lrs_lightning.statistics.summary import Summary


def conditions(summaries: Sequence[Summary]) -> Figure:
    """Points and intervals by condition, beside the expert's and a random policy's return.

    Args:
        summaries: of policies that played the same suite.
    """
    names = list(dict.fromkeys(c["condition"] for s in summaries for c in s.conditions))
    height = 0.9 + len(names) * max(0.3, 0.16 * (len(summaries) + 1))
    figure = style.figure(8.0, height)
    axes = style.tidy(figure.add_subplot(), grid="x")
    place = {name: i for i, name in enumerate(names)}
    spread = min(0.22, 0.7 / len(summaries))
    handles = []
    for k, summary in enumerate(summaries):
        shown = [c for c in summary.conditions if c["return_mean"] is not None]
        y = np.array([place[c["condition"]] for c in shown], np.float64)
        y += (k - (len(summaries) - 1) / 2) * spread
        mean = np.array([c["return_mean"] for c in shown])
        ends = np.array([[e if e is not None else np.nan for e in c["return_ci95"]] for c in shown])
        color = style.series(k)
        if len(shown):
            axes.hlines(y, ends[:, 0], ends[:, 1], color=color, linewidth=2.5, alpha=0.55)
        handles.append(axes.plot(mean, y, style.marker(k), color=color, markersize=5.5)[0])
    _references(summaries[0], axes)
    axes.set_yticks(range(len(names)), names, color=style.INK)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel("return", fontsize=9, color=style.MUTED)
    style.legend(figure, [s.name for s in summaries], handles)
    return figure


def _references(summary: Summary, axes: Axes) -> None:
    for name, value in summary.references.items():
        axes.axvline(value, color=style.MUTED, linewidth=1, linestyle=(0, (2, 3)))
        axes.annotate(
            name, (value, 1.0), (0, 3), xycoords=("data", "axes fraction"), ha="center",
            textcoords="offset points", fontsize=8, color=style.MUTED,
        )  # fmt: skip
