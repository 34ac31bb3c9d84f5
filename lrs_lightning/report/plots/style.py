"""One look for all figures: quiet axes, and colours that a page can exchange for its dark ones.

Figures are made of `matplotlib.figure.Figure` directly: no global state, no window, no backend.
Each colour is used for one purpose only, so that an SVG's colours can be replaced by name.
"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, MUTED, GRID, PAPER = "#1f2430", "#6b7280", "#dfe3ea", "#fefefe"
SERIES = ("#2f6fde", "#d9660f", "#178a5b", "#8a4fd6", "#c7377f", "#0d8797", "#8b6a1f", "#596579")
# Ten steps from "nothing left" to "all of it".
HEAT = (
    "#f3f5f9", "#e4ebf6", "#d1dff2", "#b9d0ed", "#9cbde6",
    "#7ba7de", "#5a8fd3", "#3a72be", "#275fae", "#174890",
)  # fmt: skip
HEAT_DARK_TEXT, HEAT_LIGHT_TEXT = "#1c2533", "#fdfdff"
LIGHT_TEXT_FROM = 7  # either text has a contrast of 4.5 on its side of this step

NAMES: dict[str, str] = {
    INK: "ink",
    MUTED: "muted",
    GRID: "grid",
    PAPER: "paper",
    HEAT_DARK_TEXT: "heat-text-low",
    HEAT_LIGHT_TEXT: "heat-text-high",
    **{color: f"series-{i}" for i, color in enumerate(SERIES)},
    **{color: f"heat-{i}" for i, color in enumerate(HEAT)},
}
"""Colour in a figure -> name of the CSS variable that stands for it in a page."""

LONGEST_LABEL = 40
"""Characters of a name in a figure, which must leave room for what it names."""


def series(index: int) -> str:
    """Colour of the policy at this place; they repeat after eight."""
    return SERIES[index % len(SERIES)]


def heat(share: float) -> tuple[str, str]:
    """Colours of a cell and of its text; shares outside [0, 1] look like the nearest one."""
    step = min(max(int(share * len(HEAT)), 0), len(HEAT) - 1)
    return HEAT[step], HEAT_DARK_TEXT if step < LIGHT_TEXT_FROM else HEAT_LIGHT_TEXT


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
