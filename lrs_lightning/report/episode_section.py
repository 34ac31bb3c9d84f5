"""Every episode of a condition as a dot; the script of the page draws them from the CSV."""

from __future__ import annotations

from lrs_lightning.report.charts import key
from lrs_lightning.report.html import Markup, element, section
from lrs_lightning.report.runs import Comparison
from lrs_lightning.report.subjects import subjects


def scatter(comparison: Comparison) -> Markup:
    """An empty drawing with the choice of a condition; without the script a sentence."""
    compared = subjects(comparison)
    options = [element("option", c.name, value=c.name) for c in comparison.returns.conditions]
    choice = element("label", "condition ", element("select", *options))
    lanes = element(
        "div",
        class_="scatter",
        tabindex="0",
        role="application",
        aria_label="episodes; arrow keys go from one to the next",
        hidden="hidden",
    )
    told = element("p", class_="told", role="status", aria_live="polite")
    absent = element(
        "p", "Needs JavaScript; the table of episodes below has the same.", class_="note noscript"
    )
    names = [key([s.name for s in compared])]
    return section("Episode by episode", choice, *names, lanes, told, absent, note=SCATTER)


ABSENT = "Needs JavaScript; the table of episodes further down has the same numbers."
SCATTER = (
    "A dot is an episode, left to right by its return. A mouse over it, or the arrow keys, tell "
    "its seed, length and end."
)
