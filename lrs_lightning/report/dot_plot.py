"""Rows with a number, its interval, and a dot for each training seed: a forest plot.

It is a table whose plot is one of its columns, made of boxes with places in per cent: it is as wide
as the page, and whoever cannot see it reads the numbers beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lrs_lightning.report.html import Cell, Markup, element, escape, hue

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_TICKS = 5


@dataclass(frozen=True)
class Row:
    """A line of the plot; NaN for what is not known.

    Args:
        label: what it is of.
        value: the number.
        ends: its interval.
        shown: the cells behind the plot, one for each of `heads`.
        dots: a value for each training seed.
        open_dots: those of the other side, drawn as rings.
        index: place of the colour; None for that of text.
        strong: whether the interval is drawn in full colour.
    """

    label: Cell
    value: float
    ends: tuple[float, float]
    shown: Sequence[Cell]
    dots: Sequence[float] = field(default_factory=tuple)
    open_dots: Sequence[float] = field(default_factory=tuple)
    index: int | None = None
    strong: bool = True


@dataclass(frozen=True)
class Axis:
    """From the lowest to the highest value that is shown, and round numbers between them."""

    low: float
    high: float
    ticks: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float], ticks: int = _TICKS) -> Axis:
        """An axis on which all finite values are, with about so many round numbers."""
        known = [value for value in values if np.isfinite(value)] or [0.0, 1.0]
        low, high = min(known), max(known)
        if low == high:
            margin = abs(low) or 1.0
            low, high = low - margin, high + margin
        step = _round_step((high - low) / ticks)
        low, high = low - 0.03 * (high - low), high + 0.03 * (high - low)
        first = int(np.ceil(low / step))
        shown = tuple(step * k for k in range(first, int(np.floor(high / step)) + 1))
        return cls(low, high, shown)

    def place(self, value: float) -> float:
        """Where a value stands, in per cent of the width."""
        return 100 * (value - self.low) / (self.high - self.low)


def dot_plot(
    label: str,
    heads: Sequence[str],
    rows: Sequence[Row],
    lines: Sequence[tuple[float, str]] = (),
) -> Markup:
    """The plot as a table.

    Args:
        label: what it shows, for its caption.
        heads: of the first column, and of those behind the plot.
        rows: at least one.
        lines: upright ones at values, with their names; they are in sight.
    """
    values = [v for row in rows for v in (row.value, *row.ends, *row.dots, *row.open_dots)]
    axis = Axis.of([*values, *(value for value, _ in lines)])
    first, *others = heads
    head = [element("th", first, scope="col"), _axis(axis, lines)]
    head += [element("th", name, scope="col", class_="number") for name in others]
    body = [
        element(
            "tr",
            element("th", row.label, scope="row"),
            Markup(f'<td class="plot" aria-hidden="true">{_drawn(row, axis, lines)}</td>'),
            *(
                element("td", cell, class_="number", data_head=name)
                for name, cell in zip(others, row.shown, strict=True)
            ),
        )
        for row in rows
    ]
    whole = element(
        "table",
        element("caption", element("span", label)),
        element("thead", element("tr", *head)),
        element("tbody", *body),
        class_="forest",
    )
    return element("div", whole, class_="scroll", tabindex="0")


def _axis(axis: Axis, lines: Sequence[tuple[float, str]]) -> Markup:
    """Ticks below and names of lines above, as the heading of the plot's column."""
    ticks = "".join(
        f'<span class="tick" style="left:{axis.place(t):.2f}%">{t:,.6g}</span>' for t in axis.ticks
    )
    names = "".join(
        f'<span class="tick named" style="left:{axis.place(v):.2f}%">{escape(name)}</span>'
        for v, name in lines
        if name
    )
    return Markup(f'<th class="axis" aria-hidden="true"><div>{names}{ticks}</div></th>')


def _drawn(row: Row, axis: Axis, lines: Sequence[tuple[float, str]]) -> str:
    """Lines, dots, interval and value of a row."""
    kind = "" if row.index is None else f' class="{hue(row.index)}"'
    parts = [f'<i class="line" style="left:{axis.place(v):.2f}%"></i>' for v, _ in lines]
    if np.isfinite(row.ends).all():
        low, high = map(axis.place, row.ends)
        strength = "range strong" if row.strong else "range"
        parts.append(f'<i class="{strength}" style="left:{low:.2f}%;width:{high - low:.2f}%"></i>')
    for side, dots in (("seed", row.dots), ("seed open", row.open_dots)):
        known = [dot for dot in dots if np.isfinite(dot)]
        parts += [f'<i class="{side}" style="left:{axis.place(d):.2f}%"></i>' for d in known]
    if np.isfinite(row.value):
        parts.append(f'<i class="value" style="left:{axis.place(row.value):.2f}%"></i>')
    return f"<div{kind}>{''.join(parts)}</div>"


def _round_step(step: float) -> float:
    power = 10.0 ** np.floor(np.log10(step))
    return float(next(s * power for s in _STEPS if s * power >= step * (1 - 1e-9)))
