"""Memory of state and action over lags, and the response to one disturbed observation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial

import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from numpy.typing import NDArray
from torch import Tensor

from lrs_lightning.analysis.figures.picture import (
    BAND,
    Look,
    Picture,
    counted,
    each,
    label,
    legend,
    looks,
    picture,
    where,
)
from lrs_lightning.analysis.memory import span
from lrs_lightning.analysis.response import Response
from lrs_lightning.analysis.scene import DISTURBANCE, Scene
from lrs_lightning.report.plots import style

Array = NDArray[np.float64]

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
        for scene, look in zip(scenes.values(), looks(scenes), strict=True):
            curves = scene.dynamics.memory[kind]
            handles.append(_geometric(panel, curves / curves[:, :1], look))
        panel.set_yscale("log")
        panel.tick_params(which="minor", length=0)
        label(panel, "lag k (steps)")
    first = next(iter(scenes.values()))
    lags = first.dynamics.memory["state"].shape[-1] - 1
    seen = max(
        _last_seen(c / c[:, :1]) for s in scenes.values() for c in s.dynamics.memory.values()
    )
    for panel in panels:
        panel.set_xlim(-0.3, max(min(seen + 1, lags), min(10, lags)) + 0.3)
    panels[0].set_ylim(_FLOOR, None)
    label(panels[0], "lag k (steps)", "norm of the product, share of lag 0")
    legend(figure, list(scenes), handles)
    form = partial(_span, lags)
    spans = {k: {n: _median(s.dynamics.memory[k]) for n, s in scenes.items()} for k in kinds}
    told = [f"in the {kind} {each(spans[kind], form)}" for kind in kinds]
    windows = counted([len(s.dynamics.memory["state"]) for s in scenes.values()])
    caption = (
        f"Steps until a difference has fallen below a tenth (dotted){where(scenes)}, medians: "
        f"{'; '.join(told)} (lines: geometric means, {BAND} over {windows} windows of {lags} "
        "steps)."
    )
    return picture("memory", figure, caption)


def responses(scenes: Mapping[str, Scene]) -> Picture | None:
    """What one disturbed observation does to state, action and gates; None if none was measured."""
    known = {name: s.response for name, s in scenes.items() if s.response is not None}
    if not known:
        return None
    measured = {name: scenes[name] for name in known}
    first = next(iter(known.values()))
    titles = {"state": "whole state", "output": "action"}
    # Policies of different cells share no gates, and are compared without them.
    shared = [name for name in first.gates if all(name in found.gates for found in known.values())]
    titles |= {name: f"gate {name}" for name in shared}
    last = max(_last_felt(_series(found, part)) for found in known.values() for part in titles)
    figure = style.figure(max(2.0 * len(titles) + 0.6, 6.0), 3.4)
    panels = figure.subplots(1, len(titles), sharex=True, squeeze=False)[0]
    handles: list[Artist] = []
    for panel, (part, title) in zip(panels, titles.items(), strict=True):
        style.tidy(panel)
        style.title(panel, title)
        handles = []
        for found, look in zip(known.values(), looks(measured), strict=True):
            handles.append(_mean(panel, _series(found, part)[:, : last + 1], look))
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
    moved = {name: float(found.output[:, 0].mean()) for name, found in known.items()}
    count = counted([len(found.state) for found in known.values()])
    caption = (
        f"One observation disturbed by {DISTURBANCE:g} deviations moves the action"
        f"{where(measured)} by {each(moved, '{:.3f}'.format)} at once, in its own units; what "
        f"follows at lags above 0 is memory (lines: means, {BAND} over {count} disturbances)."
    )
    return picture("response", figure, caption)


def _series(found: Response, part: str) -> Tensor:
    """A row of the response, `(M, K + 1)`: `state`, `output`, or a gate by its name."""
    return {"state": found.state, "output": found.output, **found.gates}[part]


def _last_felt(values: Tensor) -> int:
    """The last lag at which the mean is above a hundredth of its largest; 5 to 20."""
    mean = values.mean(0)
    felt = (mean > 0.01 * mean.max()).nonzero()
    return min(max(int(felt[-1]) + 1 if len(felt) else 0, 5), 20, values.shape[-1] - 1)


def _last_seen(shares: Tensor) -> int:
    """The last lag at which any window is above the floor of the figure."""
    above = (shares > _FLOOR).any(0).nonzero()
    return int(above[-1]) if len(above) else 0


def _geometric(panel: Axes, values: Tensor, look: Look) -> Artist:
    """Geometric mean and percentiles; no line where there is no window."""
    if not len(values):
        return panel.plot([], [], color=look.color, linestyle=look.line)[0]
    logs = values.clamp_min(_FLOOR / 100).log().numpy()
    low, high = np.exp(np.percentile(logs, [5, 95], axis=0))
    return _line(panel, np.exp(logs.mean(0)), low, high, look)


def _mean(panel: Axes, values: Tensor, look: Look) -> Artist:
    numbers = values.numpy()
    low, high = np.percentile(numbers, [5, 95], axis=0)
    return _line(panel, numbers.mean(0), low, high, look)


def _line(panel: Axes, middle: Array, low: Array, high: Array, look: Look) -> Artist:
    """A line over lags, in its band."""
    lags = np.arange(len(middle))
    panel.fill_between(lags, low, high, color=look.color, alpha=0.13, linewidth=0)
    return panel.plot(lags, middle, color=look.color, linestyle=look.line, linewidth=1.7)[0]


def _median(curves: Tensor) -> float:
    """Median span over windows; NaN without any."""
    return float(torch.quantile(span(curves).double(), 0.5)) if len(curves) else math.nan


def _span(lags: int, steps: float) -> str:
    """A span in steps, or that it is longer than was looked at."""
    if math.isnan(steps):
        return "unknown"
    return f"more than {lags}" if steps > lags else f"{steps:g}"
