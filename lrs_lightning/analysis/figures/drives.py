"""Past or present: the recurrent share of the gates' input, and the dimensions that are filled."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lrs_lightning.analysis.figures.picture import Picture, label, legend, listed, picture
from lrs_lightning.analysis.scene import Scene
from lrs_lightning.report.plots import style

_MARKS = {"recurrent": "v", "input": "^", "sum": "s"}


def drives(scenes: Mapping[str, Scene], layer: int = 0) -> Picture:
    """Recurrent share, variance in five components and participation ratio, gate by gate."""
    first = next(iter(scenes.values())).drives[layer]
    gates = list(first.gates)
    figure = style.figure(8.4, 3.9)
    shares, five, participation = figure.subplots(1, 3)
    spread = min(0.2, 0.8 / len(scenes))
    handles = []
    for i, scene in enumerate(scenes.values()):
        found, color = scene.drives[layer], style.series(i)
        offset = (i - (len(scenes) - 1) / 2) * spread
        x = np.arange(len(gates)) + offset
        bars = shares.bar(x, [found.recurrent_share[g] for g in gates], spread * 0.9, color=color)
        handles.append(bars)
        for panel, value in ((five, "in_five"), (participation, "participation")):
            panel.plot(offset, getattr(found.state, value), "o", color=color, markersize=6)
            for drive, mark in _MARKS.items():
                y = [getattr(found.gates[g][drive], value) for g in gates]
                panel.plot(x + 1, y, mark, color=color, markersize=4.5, linestyle="none")
    shares.set_xticks(range(len(gates)), gates)
    for panel in (five, participation):
        panel.set_xticks(range(len(gates) + 1), ["state", *gates])
        panel.set_ylim(bottom=0)
    for panel, title, unit in (
        (shares, "from the past", "recurrent share of the variance"),
        (five, "in five components", "share of the variance"),
        (participation, "dimensions", "participation ratio"),
    ):
        style.tidy(panel)
        style.title(panel, title)
        label(panel, "gate", unit)
    shares.set_ylim(0, 1)
    five.set_ylim(0, 1.02)
    legend(figure, list(scenes), handles)
    told = [
        f"{np.mean(list(s.drives[layer].recurrent_share.values())):.2f} ({name})"
        for name, s in scenes.items()
    ]
    caption = (
        f"Of the gates' input {listed(told)} comes from the past, on average over gates (circles: "
        "states h; triangles: recurrent-driven down, input-driven up; squares: their sum)."
    )
    return picture("trajectories" if layer == 0 else f"trajectories-{layer}", figure, caption)
