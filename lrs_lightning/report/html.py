"""Small pieces of HTML: everything that comes from a file is escaped here and nowhere else."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Markup:
    """HTML that is safe as it stands."""

    text: str


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
        class_: of the table.
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


def section(title: str, *children: Cell, note: str = "") -> Markup:
    """A heading with what belongs to it."""
    about = [element("p", note, class_="note")] if note else []
    return element("section", element("h2", title), *about, *children)


def figure(drawn: str, caption: str = "") -> Markup:
    """An SVG in a frame that scrolls where the page is narrow."""
    below = element("figcaption", caption).text if caption else ""
    return Markup(f'<figure><div class="scroll" tabindex="0">{drawn}</div>{below}</figure>')


def dot(index: int) -> Markup:
    """The colour of a policy in the figures."""
    return Markup(f'<i class="dot" style="background:var(--series-{index % 8})"></i>')


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
