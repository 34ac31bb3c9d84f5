"""Memory of state and action over lags, and the response to one disturbed observation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from torch import Tensor

from lrs_lightning.analysis.figures.picture import BAND, Picture, label, legend, listed, picture
from lrs_lightning.analysis.memory import span
from lrs_lightning.analysis.scene import DISTURBANCE, Scene
from lrs_lightning.report.plots import style

_FLOOR = 1e-4  # of the start: what is less is drawn there


def memory(scenes: Mapping[str, Scene]) -> Picture:
    """Norms of products of Jacobians, as shares of lag 0; state and action side by side."""
    kinds = list(next(iter(scenes.values())).dynamics.memory)
    figure = style.figure(3.7 * len(kinds) + 0.4, 3.6)
    panels = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    handles: list[Artist] = []
    for panel, kind in zip(panels, kinds, strict=True):
        style.tidy(panel)
        style.title(panel, f"in the {kind}")
        panel.axhline(0.1, color=style.MUTED, linewidth=0.9, linestyle=(0, (2, 3)))
        handles = []
        for i, scene in enumerate(scenes.values()):
            curves = scene.dynamics.memory[kind]
            handles.append(_geometric(panel, curves / curves[:, :1], i))
        panel.set_yscale("log")
        panel.tick_params(which="minor", length=0)
        label(panel, "lag k (steps)")
    panels[0].set_ylim(_FLOOR, None)
    label(panels[0], "lag k (steps)", "norm of the product, share of lag 0")
    legend(figure, list(scenes), handles)
    first = next(iter(scenes.values()))
    lags = first.dynamics.memory["state"].shape[-1] - 1
    told = [
        f"{name}: {', '.join(f'{k} {_span(s.dynamics.memory[k], lags)}' for k in kinds)}"
        for name, s in scenes.items()
    ]
    windows = len(first.dynamics.memory["state"])
    caption = (
        f"Steps until a difference has fallen below a tenth (dotted), medians: {'; '.join(told)} "
        f"(lines: geometric means, {BAND} over {windows} windows of {lags} steps)."
    )
    return picture("memory", figure, caption)


def responses(scenes: Mapping[str, Scene]) -> Picture | None:
    """What one disturbed observation does to state, action and gates; None if none was measured."""
    known = {name: s.response for name, s in scenes.items() if s.response is not None}
    if not known:
        return None
    first = next(iter(known.values()))
    titles = {"state": "whole state", "output": "action"}
    # Policies of different cells share no gates, and are compared without them.
    shared = [name for name in first.gates if all(name in found.gates for found in known.values())]
    titles |= {name: f"gate {name}" for name in shared}
    figure = style.figure(max(2.0 * len(titles) + 0.6, 6.0), 3.4)
    panels = figure.subplots(1, len(titles), sharex=True, squeeze=False)[0]
    handles: list[Artist] = []
    for panel, (part, title) in zip(panels, titles.items(), strict=True):
        style.tidy(panel)
        style.title(panel, title)
        handles = []
        for i, found in enumerate(known.values()):
            values = getattr(found, part, None)
            values = found.gates[part] if values is None else values
            handles.append(_mean(panel, values[:, :21], i))
        label(panel, "lag k (steps)")
    # Gates share a scale, and so do state and action, which are measured alike.
    for alike in (panels[:2], panels[2:]):
        top = max((panel.get_ylim()[1] for panel in alike), default=1.0)
        for panel in alike:
            panel.set_ylim(0, top)
    label(panels[0], "lag k (steps)", "change (root mean square)")
    if shared:
        label(panels[2], "lag k (steps)", "change (mean absolute)")
    legend(figure, list(known), handles)
    moved = [f"{float(found.output[:, 0].mean()):.3f} ({name})" for name, found in known.items()]
    caption = (
        f"One observation disturbed by {DISTURBANCE:g} deviations moves the action by "
        f"{listed(moved)} at once; what follows at lags above 0 is memory (lines: means, {BAND} "
        f"over {len(first.state)} disturbances)."
    )
    return picture("response", figure, caption)


def _geometric(panel: Axes, values: Tensor, index: int) -> Artist:
    """Geometric mean and percentiles; no line where there is no window."""
    color = style.series(index)
    if not len(values):
        return panel.plot([], [], color=color)[0]
    logs = values.clamp_min(_FLOOR / 100).log().numpy()
    low, high = np.exp(np.percentile(logs, [5, 95], axis=0))
    lags = np.arange(values.shape[-1])
    panel.fill_between(lags, low, high, color=color, alpha=0.16, linewidth=0)
    return panel.plot(lags, np.exp(logs.mean(0)), color=color, linewidth=1.7)[0]


def _mean(panel: Axes, values: Tensor, index: int) -> Artist:
    color, numbers = style.series(index), values.numpy()
    low, high = np.percentile(numbers, [5, 95], axis=0)
    lags = np.arange(numbers.shape[-1])
    panel.fill_between(lags, low, high, color=color, alpha=0.14, linewidth=0)
    return panel.plot(lags, numbers.mean(0), color=color, linewidth=1.7)[0]


def _span(curves: Tensor, lags: int) -> str:
    """Median span over windows, or that it is longer than was looked at."""
    if not len(curves):
        return "unknown"
    middle = float(torch.quantile(span(curves).double(), 0.5))
    return f"more than {lags}" if middle > lags else f"{middle:g}"
