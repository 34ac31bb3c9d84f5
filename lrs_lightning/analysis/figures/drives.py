"""Past or present: the recurrent share of the gates' input, and the dimensions that are filled."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lrs_lightning.analysis.figures.picture import (
    Look,
    Picture,
    counted,
    each,
    episodes,
    label,
    legend,
    looks,
    picture,
    where,
)
from lrs_lightning.analysis.scene import Scene
from lrs_lightning.report.plots import style

# The sum is mostly where the input is: a hollow square leaves the triangles in it to be seen.
_MARKS = {"recurrent": ("v", 4.0), "input": ("^", 4.0), "sum": ("s", 7.0)}
_PANELS = {
    "in_five": ("in five components", "share of the variance"),
    "for_ninety": ("for 90 % of the variance", "components"),
    "participation": ("dimensions that are filled", "participation ratio"),
}


def drives(scenes: Mapping[str, Scene], layer: int = 0) -> Picture:
    """Recurrent share and three measures of dimension, gate by gate."""
    gates = list(next(iter(scenes.values())).drives[layer].gates)
    figure = style.figure(8.4, 5.6)
    shares, *others = figure.subplots(2, 2).flatten()
    spread = min(0.2, 0.8 / len(scenes))
    handles = []
    for i, (scene, look) in enumerate(zip(scenes.values(), looks(scenes), strict=True)):
        found, offset = scene.drives[layer], (i - (len(scenes) - 1) / 2) * spread
        x = np.arange(len(gates)) + offset
        height = [found.recurrent_share[g] for g in gates]
        bars = shares.bar(x, height, spread * 0.8, color=look.fill, edgecolor=look.color)
        handles.append(bars)
        for panel, value in zip(others, _PANELS, strict=True):
            panel.plot(offset, getattr(found.state, value), "o", markersize=6, **look.marks)
            for drive in _MARKS:
                y = [getattr(found.gates[g][drive], value) for g in gates]
                _marks(panel, x + 1, y, drive, look)
    shares.set_xticks(range(len(gates)), gates)
    for panel, (title, unit) in zip(others, _PANELS.values(), strict=True):
        panel.set_xticks(range(len(gates) + 1), ["state", *gates])
        style.title(style.tidy(panel), title)
        label(panel, "state, and input of each gate", unit)
        panel.set_ylim(bottom=0)
    others[0].set_ylim(0, 1.04)
    others[1].yaxis.set_major_locator(MaxNLocator(6, integer=True))
    style.title(style.tidy(shares), "from the past")
    label(shares, "gate", "recurrent share of the variance")
    shares.set_ylim(0, 1.04)
    legend(figure, list(scenes), handles)
    past = {n: _mean(s.drives[layer].recurrent_share) for n, s in scenes.items()}
    steps = counted([scene.steps for scene in scenes.values()])
    of_layer = f", layer {layer}" if layer else ""
    caption = (
        f"Of the variance of the gates' input{of_layer} {each(past, '{:.2f}'.format)} comes from "
        f"the past, on average over gates{where(scenes)} (circles: states h; triangles: W h down, "
        f"W_in x up; squares: their sum; {steps} steps of {episodes(scenes)})."
    )
    return picture("trajectories" if layer == 0 else f"trajectories-{layer}", figure, caption)


def _marks(panel: Axes, x: np.ndarray, y: list[float], drive: str, look: Look) -> None:
    mark, size = _MARKS[drive]
    fill = "none" if drive == "sum" else look.fill
    panel.plot(
        x, y, mark, color=look.color, markerfacecolor=fill, markersize=size, markeredgewidth=1,
        linestyle="none",
    )  # fmt: skip


def _mean(shares: Mapping[str, float]) -> float:
    return float(np.mean(list(shares.values())))
