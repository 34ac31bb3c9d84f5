"""Colours and markers, the same in figures and on the page, and their names in its style sheet.

Each colour is used for one purpose only, so that the page can exchange it for its dark one by name.
"""

from __future__ import annotations

INK, MUTED, GRID, PAPER = "#1f2430", "#6b7280", "#dfe3ea", "#fefefe"
# Apart by more than 15 (CIE 1976) for every pair, to those who see all colours and to those who
# lack red, green or blue cones; a test computes it, for the page's dark colours too.
SERIES = (
    "#1560dd", "#c95507", "#064318", "#e159a0", "#67a079", "#3f30a1",
    "#856a36", "#ba6ee0", "#fe486b", "#4c3c62", "#6b5ca5", "#8a3a52",
)  # fmt: skip
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "p", "<", ">", "h")
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


def series(index: int) -> str:
    """Colour of the policy at this place; they repeat after twelve, with other markers."""
    return SERIES[index % len(SERIES)]


def marker_place(index: int) -> int:
    """Which marker stands for the policy at this place: colour and marker repeat after 144."""
    return (index + index // len(SERIES)) % len(MARKERS)


def marker(index: int) -> str:
    """The marker of the policy at this place, as matplotlib calls it."""
    return MARKERS[marker_place(index)]


def heat(share: float) -> tuple[str, str]:
    """Colours of a cell and of its text; shares outside [0, 1] look like the nearest one."""
    step = min(max(int(share * len(HEAT)), 0), len(HEAT) - 1)
    return HEAT[step], HEAT_DARK_TEXT if step < LIGHT_TEXT_FROM else HEAT_LIGHT_TEXT
