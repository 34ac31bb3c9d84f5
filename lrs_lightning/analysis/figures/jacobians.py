"""Radius and norm of the Jacobian along trajectories, and the Lyapunov spectrum."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from lrs_lightning.analysis.figures.picture import (
    BAND,
    Picture,
    counted,
    each,
    episodes,
    label,
    legend,
    looks,
    percentiles,
    picture,
    where,
)
from lrs_lightning.analysis.scene import Scene
from lrs_lightning.report.plots import style


def jacobians(
    scenes: Mapping[str, Scene], connectivity: Mapping[str, float] | None = None
) -> Picture:
    """Radius and norm of dh_t/dh_{t-1}, a row for each scene.

    Args:
        scenes: by the name they shall have.
        connectivity: largest spectral radius of W_rec over gates, by the same names.
    """
    names = list(scenes)
    figure = style.figure(7.4, 1.6 + 0.34 * len(names))
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for panel, quantity in zip(panels, ("radius", "norm"), strict=True):
        style.tidy(panel, grid="x")
        panel.axvline(1, color=style.MUTED, linewidth=0.9, linestyle=(0, (2, 3)))
        for i, (scene, look) in enumerate(zip(scenes.values(), looks(scenes), strict=True)):
            mean, low, high = percentiles(getattr(scene.dynamics, quantity))
            panel.hlines(i, low, high, color=look.color, linewidth=2.5, alpha=0.55)
            panel.plot(mean, i, "o", markersize=5.5, **look.marks)
            if quantity == "radius" and connectivity:
                panel.plot(connectivity[names[i]], i, "D", color=style.MUTED, markersize=4)
        label(panel, f"spectral {quantity} of the Jacobian")
    # Once all is drawn: a limit that is set earlier holds for both panels and cuts the second.
    panels[0].set_xlim(0, panels[0].get_xlim()[1])
    panels[0].set_yticks(range(len(names)), [style.label(n) for n in names], color=style.INK)
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    return picture("jacobian", figure, _told(scenes, connectivity))


def _told(scenes: Mapping[str, Scene], connectivity: Mapping[str, float] | None) -> str:
    samples = [len(scene.dynamics.radius) for scene in scenes.values()]
    if not min(samples):
        return "Episodes are too short for a sampled step behind the burn-in."
    share = min(float((s.dynamics.radius < 1).double().mean()) for s in scenes.values())
    # Rounded down: "100 %" shall not be said of fewer.
    least = f"{math.floor(1000 * share) / 10:g} % of the sampled steps or more"
    steps = {0.0: "none of the sampled steps", 1.0: "all sampled steps"}.get(share, least)
    beside = "; diamonds: largest radius of W_rec over gates" if connectivity else ""
    return (
        f"The radius lies below 1 at {steps}{where(scenes)} (points: means, {BAND} over "
        f"{counted(samples)} steps of {episodes(scenes)}{beside})."
    )


def lyapunov(scenes: Mapping[str, Scene]) -> Picture:
    """Exponents in descending order; those of minus infinity are not drawn, but told."""
    figure = style.figure(6.4, 3.4 + 0.1 * len(scenes))
    panel = style.tidy(figure.add_subplot())
    panel.axhline(0, color=style.MUTED, linewidth=0.9, linestyle=(0, (2, 3)))
    handles, missing = [], []
    largest: dict[str, float] = {}
    for (name, scene), look in zip(scenes.items(), looks(scenes), strict=True):
        exponents = scene.dynamics.exponents
        exponents = exponents[~exponents.isnan().any(-1)]
        finite = int(exponents.isfinite().all(0).sum()) if len(exponents) else 0
        mean, low, high = percentiles(exponents[:, :finite])
        index = np.arange(1, finite + 1)
        panel.fill_between(index, low, high, color=look.color, alpha=0.18, linewidth=0)
        handles += panel.plot(index, mean, color=look.color, linestyle=look.line, linewidth=1.7)
        if finite:
            largest[name] = float(mean[0])
        missing.append(exponents.shape[-1] - finite)
    label(panel, "index of the exponent", "exponent (nats per step)")
    legend(figure, list(scenes), handles)
    gone = f"; {counted(missing)} more are minus infinity" if max(missing) else ""
    caption = (
        f"The largest exponent{where(scenes)} is {each(largest, '{:.2f}'.format)}: below 0 "
        "differences of states fade, above they grow "
        f"(lines: means, {BAND} over {episodes(scenes)}{gone})."
        if largest
        else "Episodes are too short for exponents."
    )
    return picture("lyapunov", figure, caption)
