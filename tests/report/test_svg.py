"""Drawings take every colour from the page around them, so that it can have a dark one."""

from __future__ import annotations

import re

from matplotlib.patches import Rectangle

from lrs_lightning.report.plots.style import NAMES, figure
from lrs_lightning.report.svg import inline


def test_every_colour_becomes_its_variable() -> None:
    drawn = figure(4.0, 1.0)
    axes = drawn.add_subplot()
    axes.set_axis_off()
    for place, color in enumerate(NAMES):
        axes.add_patch(Rectangle((place, 0), 1, 1, facecolor=color, edgecolor="none"))
    axes.set_xlim(0, len(NAMES))
    text = inline(drawn, "colours")
    assert not re.findall(r"#[0-9a-fA-F]{6}", text)
    assert set(re.findall(r"var\(--([\w-]+)\)", text)) >= set(NAMES.values())
