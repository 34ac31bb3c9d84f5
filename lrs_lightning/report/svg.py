"""Figures as inline SVG that takes its colours and its font from the page around it."""

from __future__ import annotations

import io
import re
import warnings

import matplotlib
from matplotlib.figure import Figure

from lrs_lightning.report.plots.style import NAMES

_ID = re.compile(r'\s+id="([^"]+)"')
_REFERENCE = re.compile(r'(?:url\(#|href="#)([^")]+)')
_FAMILY = re.compile(r"(font: (?:\d+ )?[\d.]+px) [^;\"]+")
_SIZE = re.compile(r'<svg ([^>]*?)width="([\d.]+)pt"([^>]*?)>')


def inline(figure: Figure, label: str) -> str:
    """The figure as an `<svg>` element that scales with the page.

    Args:
        figure: drawn with the colours of `plots.style`.
        label: what it shows, for readers that cannot see it.
    """
    buffer = io.StringIO()
    # A salt of its own keeps the ids of one figure apart from those of the next.
    with (
        matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": label}),
        warnings.catch_warnings(),
    ):
        # The page's own font draws the text, and has other letters than the one that measures.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format="svg")
    drawn = buffer.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.DOTALL)
    for color, name in NAMES.items():
        drawn = drawn.replace(color, f"var(--{name})")
    drawn = _FAMILY.sub(r"\1 var(--font)", drawn)
    used = set(_REFERENCE.findall(drawn))
    drawn = _ID.sub(lambda found: found[0] if found[1] in used else "", drawn)
    return _fluid(drawn, label)


def _fluid(drawn: str, label: str) -> str:
    """Shrinks with the page, but not below three quarters: then its frame scrolls."""
    drawn = re.sub(r' height="[\d.]+pt"', "", drawn, count=1)
    name = label.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return _SIZE.sub(
        lambda m: (
            f'<svg {m[1]}role="img" aria-label="{name}" '
            f'style="width:{float(m[2]) * 4 / 3:.0f}px;min-width:{float(m[2]):.0f}px"{m[3]}>'
        ),
        drawn,
        count=1,
    )
