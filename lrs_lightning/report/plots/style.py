"""One look for all figures: quiet axes, and the colours of the palette.

Figures are made of `matplotlib.figure.Figure` directly: no global state, no window, no backend.
"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lrs_lightning.report.palette import (
    GRID,
    HEAT,
    INK,
    MARKERS,
    MUTED,
    NAMES,
    PAPER,
    SERIES,
    heat,
    marker,
    series,
)

__all__ = [
    "GRID", "HEAT", "INK", "MARKERS", "MUTED", "NAMES", "PAPER", "SERIES",
    "figure", "heat", "label", "legend", "marker", "series", "tidy", "title",
]  # fmt: skip

LONGEST_LABEL = 40
"""Characters of a name in a figure, which must leave room for what it names."""


def figure(width: float, height: float) -> Figure:
    """An empty figure, sizes in inches."""
    return Figure(figsize=(width, height), layout="constrained", facecolor=PAPER)


def tidy(axes: Axes, grid: str = "y") -> Axes:
    """Keep the bottom line and a light grid; everything else is quiet."""
    axes.set_facecolor("none")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(GRID)
    axes.tick_params(colors=MUTED, labelsize=9, length=0)
    axes.set_axisbelow(True)
    axes.grid(axis=grid, color=GRID, linewidth=0.8)  # type: ignore[arg-type]
    return axes


def label(name: str) -> str:
    """A name as it is drawn: start and end of a long one, and no `$`, which begins a formula."""
    half = LONGEST_LABEL // 2
    shown = name if len(name) <= LONGEST_LABEL else f"{name[:half]}...{name[-half:]}"
    return shown.replace("$", r"\$")


def title(axes: Axes, text: str) -> None:
    """A heading at the left."""
    axes.set_title(label(text), loc="left", fontsize=10, color=INK, fontweight="bold")


def legend(figure: Figure, labels: Sequence[str], handles: Sequence[Artist]) -> None:
    """A frameless legend below the figure; none for a single entry."""
    if len(labels) > 1:
        figure.legend(
            handles, [label(text) for text in labels], loc="outside lower left", frameon=False,
            fontsize=9, ncols=min(len(labels), 4), labelcolor=INK,
        )  # fmt: skip
