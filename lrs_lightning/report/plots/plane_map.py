"""A quantity over the plane of rank and sparsity, with its interval over training seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lrs_lightning.report.plots import style


def plane_map(cells: Sequence[Mapping[str, Any]], quantity: str, title: str) -> Figure:
    """A field for each rank and sparsity.

    Args:
        cells: with `rank`, `sparsity`, the quantity, and its ends `..._low` and `..._high`.
        quantity: what is shown; None where it is not known.
        title: of the figure.
    """
    ranks = sorted({c["rank"] for c in cells}, key=lambda r: float("inf") if r is None else r)
    sparsities = sorted({c["sparsity"] for c in cells})
    known = [c[quantity] for c in cells if c[quantity] is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    figure = style.figure(2.0 + 1.1 * max(2, len(ranks)), 1.5 + 0.6 * len(sparsities))
    axes = figure.add_subplot()
    for cell in cells:
        x, y = ranks.index(cell["rank"]), sparsities.index(cell["sparsity"])
        value = cell[quantity]
        share = 0.5 if high == low or value is None else (value - low) / (high - low)
        face, ink = style.heat(share) if value is not None else ("none", style.MUTED)
        axes.add_patch(Rectangle((x - 0.46, y - 0.44), 0.92, 0.88, facecolor=face, linewidth=0))
        axes.text(x, y, _text(cell, quantity), ha="center", va="center", fontsize=7, color=ink)
    axes.set_xlim(-0.5, len(ranks) - 0.5)
    axes.set_ylim(-0.5, len(sparsities) - 0.5)
    axes.set_xticks(range(len(ranks)), ["full" if r is None else str(r) for r in ranks])
    axes.set_yticks(range(len(sparsities)), [f"{s:g}" for s in sparsities])
    axes.tick_params(length=0, labelsize=8, colors=style.MUTED)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("rank", fontsize=8, color=style.MUTED)
    axes.set_ylabel("sparsity", fontsize=8, color=style.MUTED)
    style.title(axes, title)
    return figure


def _text(cell: Mapping[str, Any], quantity: str) -> str:
    value, low, high = (cell[f"{quantity}{end}"] for end in ("", "_low", "_high"))
    if value is None:
        return "-"
    within = "" if low is None else f"\n{low:.3g} to {high:.3g}"
    return f"{value:.3g}{within}"
