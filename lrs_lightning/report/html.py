"""Small pieces of HTML: everything that comes from a file is escaped here and nowhere else."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lrs_lightning.report.palette import SERIES, marker_place


@dataclass(frozen=True)
class Markup:
    """HTML that is safe as it stands."""

    text: str


@dataclass(frozen=True)
class Section(Markup):
    """A part of the page with a heading, to which an address with `#anchor` leads."""

    title: str = ""
    anchor: str = ""


Cell = Markup | str | int | float | None


def escape(value: Cell) -> str:
    """Markup as it is, anything else as plain text."""
    if isinstance(value, Markup):
        return value.text
    return "" if value is None else html.escape(str(value))


def element(tag: str, *children: Cell, **attributes: str) -> Markup:
    """`element("p", "text", class_="note")`."""
    given = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(value)}"'
        for name, value in attributes.items()
    )
    return Markup(f"<{tag}{given}>{''.join(map(escape, children))}</{tag}>")


def table(
    head: Sequence[Cell], rows: Iterable[Sequence[Cell]], text_columns: int = 1, class_: str = ""
) -> Markup:
    """A table that scrolls by itself where the page is narrow.

    Args:
        head: names of the columns.
        rows: the cells; the first one of a row is its heading.
        text_columns: how many columns are words, set left; the others are numbers, set right.
        class_: of the table; one that has `sortable` is given sorting and a filter by the script.
    """

    def kind(column: int) -> str:
        return "word" if column < text_columns else "number"

    heads = [element("th", cell, scope="col", class_=kind(i)) for i, cell in enumerate(head)]
    body = [
        element(
            "tr",
            element("th", row[0], scope="row", class_="word"),
            *(element("td", cell, class_=kind(i)) for i, cell in enumerate(row[1:], start=1)),
        )
        for row in rows
    ]
    whole = element(
        "table",
        element("thead", element("tr", *heads)),
        element("tbody", *body),
        class_=class_,
    )
    return element("div", whole, class_="scroll", tabindex="0")


def section(title: str, *children: Cell, note: str = "") -> Section:
    """A heading with what belongs to it."""
    anchor = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    about = [element("p", note, class_="note")] if note else []
    to_itself = element("a", "#", class_="anchor", href=f"#{anchor}", aria_label=f"to {title}")
    whole = element("section", element("h2", title, to_itself), *about, *children, id=anchor)
    return Section(whole.text, title, anchor)


def figure(drawn: Markup, caption: str = "") -> Markup:
    """A drawing with the sentence below it."""
    below = element("figcaption", caption).text if caption else ""
    return Markup(f"<figure>{drawn.text}{below}</figure>")


def hue(index: int) -> str:
    """The class that gives the colour of the policy or method at this place."""
    return f"s{index % len(SERIES)}"


def dot(index: int) -> Markup:
    """Colour and marker of a policy or a method, as in the figures."""
    return Markup(
        f'<svg class="dot {hue(index)}" viewBox="-6 -6 12 12" aria-hidden="true">'
        f'<use href="#mark-{marker_place(index)}"/></svg>'
    )


def named(index: int, name: str) -> Markup:
    """A name behind its colour and marker."""
    return Markup(dot(index).text + element("bdi", name).text)


def bar(share: float | None) -> Markup:
    """A share as a number over a bar."""
    if share is None:
        return Markup('<span class="unknown">-</span>')
    width = min(max(share, 0.0), 1.0)
    return Markup(f'<span class="bar" style="--share:{width:.3f}">{share:.2f}</span>')


def folded(label: str, content: Markup, rows: int, limit: int) -> Markup:
    """Content that is open to read, or folded away where it is longer than `limit` rows."""
    if rows <= limit:
        return content
    return element("details", element("summary", label), content)
