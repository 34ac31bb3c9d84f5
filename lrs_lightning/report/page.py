"""The page: a head that forbids the network, a title, and the sections."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files

from lrs_lightning import __version__
from lrs_lightning.report import method_sections, sections
from lrs_lightning.report.analysis_section import analysis
from lrs_lightning.report.answer_section import answer
from lrs_lightning.report.downloads import downloads
from lrs_lightning.report.ending_section import endings
from lrs_lightning.report.episode_section import scatter
from lrs_lightning.report.html import Markup, Section, element, escape
from lrs_lightning.report.marks import marks
from lrs_lightning.report.matrix_section import matrix
from lrs_lightning.report.profile_section import heat_maps, profiles
from lrs_lightning.report.runs import Comparison
from lrs_lightning.report.severity_section import severities
from lrs_lightning.report.subjects import subjects
from lrs_lightning.report.wording import several

_ORDER = (
    answer,
    method_sections.methods,
    sections.cards,
    matrix,
    sections.headline,
    severities,
    endings,
    scatter,
    heat_maps,
    profiles,
    sections.ranks,
    method_sections.method_differences,
    sections.differences,
    analysis,
    sections.films,
    downloads,
    sections.provenance,
)
_HEAD = """<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" \
content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; \
script-src 'sha256-{digest}'">
"""


def page(comparison: Comparison) -> str:
    """The whole HTML document."""
    style, script = _file("style.css"), _file("script.js")
    # No other script can run in the page than the very one whose digest its head names.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    names = ", ".join(one.name for one in subjects(comparison))
    title = f"{names} on {comparison.env}"
    parts = [part for build in _ORDER if (part := build(comparison)) is not None]
    body = element("main", _title(comparison), parts[0], _contents(parts), *parts[1:], _foot())
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n{_HEAD.format(digest=digest)}'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f"{marks().text}{body.text}\n<script>{script}</script>\n</body>\n</html>\n"
    )


def _file(name: str) -> str:
    return (files("lrs_lightning.report") / name).read_text(encoding="utf-8")


def _contents(parts: Sequence[Markup]) -> Markup:
    """Links to the sections."""
    links = [
        element("li", element("a", part.title, href=f"#{part.anchor}"))
        for part in parts
        if isinstance(part, Section)
    ]
    return element("nav", element("ul", *links), aria_label="contents")


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
