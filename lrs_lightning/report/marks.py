"""The twelve markers, drawn once and used wherever a policy or a method is shown."""

from __future__ import annotations

from math import cos, pi, sin

from lrs_lightning.report.html import Markup


def _polygon(corners: int, turn: float = 0.0, size: float = 5.0, inner: float = 1.0) -> str:
    """Corners at even angles from the top; with `inner` below one a star of half as many rays."""
    radii = [size * (1.0 if k % 2 == 0 else inner) for k in range(corners)]
    angles = [turn + 2 * pi * k / corners for k in range(corners)]
    points = [f"{r * sin(a):.2f},{-r * cos(a):.2f}" for r, a in zip(radii, angles, strict=True)]
    return f'<polygon points="{" ".join(points)}"/>'


_PLUS = '<path d="M-1.7-5h3.4v3.3h3.3v3.4h-3.3v3.3h-3.4v-3.3h-3.3v-3.4h3.3z"/>'
# In the order of `plots.style.MARKERS`.
SHAPES = (
    '<circle r="4.3"/>',
    '<path d="M-3.9-3.9h7.8v7.8h-7.8z"/>',
    _polygon(3),
    _polygon(4),
    _polygon(3, pi),
    _PLUS,
    f'<g transform="rotate(45)">{_PLUS}</g>',
    _polygon(10, size=5.6, inner=0.42),
    _polygon(5),
    _polygon(3, -pi / 2),
    _polygon(3, pi / 2),
    _polygon(6),
)


def marks() -> Markup:
    """What `<use href="#mark-0"/>` and its kin show; hidden itself."""
    drawn = "".join(f'<g id="mark-{i}">{shape}</g>' for i, shape in enumerate(SHAPES))
    return Markup(
        '<svg class="marks" width="0" height="0" aria-hidden="true" fill="currentColor">'
        f"<defs>{drawn}</defs></svg>"
    )
