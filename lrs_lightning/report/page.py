"""The page: a head that forbids the network, a title, and the sections."""

from __future__ import annotations

from importlib.resources import files

from lrs_lightning import __version__
from lrs_lightning.report import method_sections, sections
from lrs_lightning.report.analysis_section import analysis
from lrs_lightning.report.ending_section import endings
from lrs_lightning.report.html import Markup, element, escape
from lrs_lightning.report.runs import Comparison
from lrs_lightning.report.wording import several

_ORDER = (
    method_sections.methods,
    method_sections.method_differences,
    sections.cards,
    sections.headline,
    sections.curves,
    endings,
    sections.heat_maps,
    sections.profiles,
    sections.ranks,
    sections.differences,
    analysis,
    sections.films,
    sections.provenance,
)
_HEAD = """<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" \
content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
"""


def page(comparison: Comparison) -> str:
    """The whole HTML document."""
    style = (files("lrs_lightning.report") / "style.css").read_text(encoding="utf-8")
    names = ", ".join(summary.name for summary in comparison.summaries)
    title = f"{names} on {comparison.env}"
    parts = [part for build in _ORDER if (part := build(comparison)) is not None]
    body = element("main", _title(comparison), *parts, _foot())
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n{_HEAD}<title>{escape(title)}</title>\n'
        f"<style>\n{style}</style>\n</head>\n<body>\n{body.text}\n</body>\n</html>\n"
    )


def _title(comparison: Comparison) -> Markup:
    returns = comparison.returns
    references = comparison.summaries[0].references
    facts = [
        several(len(returns.conditions), "condition"),
        several(len(returns.seeds), "episode seed"),
        *(f"{name} {value:,.0f}" for name, value in sorted(references.items())),
    ]
    return element(
        "header",
        element("p", "Closed loop under shift", class_="kicker"),
        element("h1", comparison.env),
        element("p", " · ".join(facts), class_="note"),
    )


def _foot() -> Markup:
    return element("footer", f"lrs_lightning {__version__}")
