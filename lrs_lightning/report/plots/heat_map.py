"""What is left of the return, shift by severity."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from lrs_lightning.report.plots import style
from lrs_lightning.statistics.condition_summary import Share
from lrs_lightning.statistics.returns import CLEAN
from lrs_lightning.statistics.summary import Summary

MEANING = {
    "expert_normalized": "share of the expert's return (0: random policy)",
    "retention": "share of its own clean return",
}


def heat_map(summary: Summary, value: Share | None = None) -> Figure:
    """A cell for each shift and severity; the first row is the clean world.

    Args:
        summary: of one policy.
        value: a key of `MEANING`; by default `expert_normalized` where references are known, else
            `retention`.
    """
    value = value or default_value(summary)
    shown = [c for c in summary.conditions if c["condition"] != CLEAN]
    rows = [CLEAN, *dict.fromkeys(c["shift"] for c in shown)]
    columns = sorted({c["severity"] for c in shown}) or [0]
    figure = style.figure(2.3 + 0.5 * max(len(columns), 3), 1.15 + 0.36 * len(rows))
    axes = figure.add_subplot()
    axes.set_facecolor("none")
    for condition in summary.conditions:
        y = rows.index(condition["shift"]) if condition["shift"] in rows else 0
        if condition["condition"] == CLEAN:
            _cell(axes, 0, y, len(columns), condition[value])
        else:
            _cell(axes, columns.index(condition["severity"]), y, 1, condition[value])
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xticks(range(len(columns)), [str(c) for c in columns])
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0, labelsize=9, colors=style.MUTED)
    axes.tick_params(axis="y", labelcolor=style.INK)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("severity", fontsize=9, color=style.MUTED)
    style.title(axes, summary.name)
    figure.supxlabel(MEANING[value], fontsize=8, color=style.MUTED)
    return figure


def default_value(summary: Summary) -> Share:
    """The share that can be told for every condition."""
    known = all(c["expert_normalized"] is not None for c in summary.conditions)
    return "expert_normalized" if known else "retention"


def _cell(axes: Axes, x: int, y: int, width: int, share: float | None) -> None:
    known = share is not None and np.isfinite(share)
    face, text = style.heat(share) if share is not None and known else ("none", style.MUTED)
    axes.add_patch(
        FancyBboxPatch(
            (x - 0.42, y - 0.38), width - 0.16, 0.76, linewidth=0 if known else 0.8,
            boxstyle="round,pad=0.03,rounding_size=0.08", facecolor=face, edgecolor=style.GRID,
        )
    )  # fmt: skip
    label = f"{share:.2f}" if known else "-"
    axes.text(x + (width - 1) / 2, y, label, ha="center", va="center", fontsize=9, color=text)
