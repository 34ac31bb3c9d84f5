"""Small multiples: one panel for each shift or condition, all on the same two axes.

Panels are SVG of a fixed inner size in a grid that gives a narrow page one column and a wide one
five; texts are of the page, and a mouse that rests on a mark is told what it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lrs_lightning.report.dot_plot import Axis
from lrs_lightning.report.html import Markup, element, escape, hue, named
from lrs_lightning.report.palette import marker_place

WIDTH, HEIGHT = 230, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 8, 8, 24


@dataclass(frozen=True)
class Frame:
    """The axes that all panels share."""

    x: Axis
    y: Axis
    width: int = WIDTH
    height: int = HEIGHT

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A point in the panel's own units."""
        inner = self.width - _LEFT - _RIGHT
        across = _LEFT + inner * self.x.place(x) / 100
        down = self.height - _BOTTOM - (self.height - _BOTTOM - _TOP) * self.y.place(y) / 100
        return round(across, 1), round(down, 1)


def panel(title: str, frame: Frame, marks: Iterable[str], wide: bool = False) -> Markup:
    """One panel under its title.

    Args:
        title: what it is of.
        frame: its axes.
        marks: what `point`, `whisker`, `line`, `level` and `area` draw.
        wide: as wide as the page.
    """
    drawn = "".join([*_grid(frame), *marks])
    svg = Markup(
        f'<svg viewBox="0 0 {frame.width} {frame.height}" role="img" '
        f'aria-label="{escape(title)}">{drawn}</svg>'
    )
    return element("div", element("h3", title), svg, class_="panel wide" if wide else "panel")


def point(frame: Frame, x: float, y: float, index: int, told: str) -> str:
    """A mark in the colour and shape of its subject, with words for a mouse that rests on it."""
    across, down = frame.at(x, y)
    return (
        f'<use href="#mark-{marker_place(index)}" x="{across}" y="{down}" '
        f'class="{hue(index)}"><title>{escape(told)}</title></use>'
    )


def whisker(frame: Frame, x: float, ends: tuple[float, float], index: int) -> str:
    """An upright interval."""
    (across, low), (_, high) = frame.at(x, ends[0]), frame.at(x, ends[1])
    return f'<path class="whisker {hue(index)}" d="M{across} {low}V{high}"/>'


def line(
    frame: Frame, points: Sequence[tuple[float, float]], index: int, kind: str, told: str = ""
) -> str:
    """Straight pieces from point to point, with words for a mouse that rests on them."""
    path = "L".join("{} {}".format(*frame.at(x, y)) for x, y in points)
    words = f"<title>{escape(told)}</title>" if told else ""
    return f'<path class="{kind} {hue(index)}" d="M{path}">{words}</path>'


def area(frame: Frame, points: Sequence[tuple[float, float]], index: int) -> str:
    """A band."""
    path = "L".join("{} {}".format(*frame.at(x, y)) for x, y in points)
    return f'<path class="band {hue(index)}" d="M{path}Z"/>'


def level(frame: Frame, y: float, name: str) -> str:
    """A dotted line across the panel, e.g. of the expert."""
    (left, down), (right, _) = frame.at(frame.x.low, y), frame.at(frame.x.high, y)
    return f'<path class="level" d="M{left} {down}H{right}"><title>{escape(name)}</title></path>'


def key(names: Sequence[str]) -> Markup:
    """Who has which colour and marker."""
    return element("ul", *(element("li", named(i, n)) for i, n in enumerate(names)), class_="key")


def _grid(frame: Frame) -> list[str]:
    """Lines and numbers of both axes."""
    drawn = []
    for value in frame.y.ticks:
        left, down = frame.at(frame.x.low, value)
        right, _ = frame.at(frame.x.high, value)
        drawn.append(f'<path class="grid" d="M{left} {down}H{right}"/>')
        drawn.append(f'<text class="up" x="{left - 5}" y="{down + 3.5}">{_short(value)}</text>')
    for value in frame.x.ticks:
        across, _ = frame.at(value, frame.y.low)
        drawn.append(f'<text x="{across}" y="{frame.height - 7}">{_short(value)}</text>')
    return drawn


def _short(value: float) -> str:
    """A number of an axis in few characters."""
    return f"{value / 1000:g}k" if abs(value) >= 10_000 else f"{value:,.6g}"
