"""Radius and norm of the Jacobian along trajectories, and the Lyapunov spectrum."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lrs_lightning.analysis.figures.picture import (
    BAND,
    Picture,
    label,
    legend,
    listed,
    percentiles,
    picture,
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
        for i, scene in enumerate(scenes.values()):
            mean, low, high = percentiles(getattr(scene.dynamics, quantity))
            color = style.series(i)
            panel.hlines(i, low, high, color=color, linewidth=2.5, alpha=0.55)
            panel.plot(mean, i, "o", color=color, markersize=5.5)
            if quantity == "radius" and connectivity:
                panel.plot(connectivity[names[i]], i, "D", color=style.MUTED, markersize=4)
        panel.set_xlim(left=0)
        label(panel, f"spectral {quantity} of the Jacobian")
    panels[0].set_yticks(range(len(names)), names, color=style.INK)
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    first = next(iter(scenes.values()))
    share = min(float((s.dynamics.radius < 1).double().mean()) for s in scenes.values())
    where = "all sampled steps" if share == 1 else f"{share:.0%} of the sampled steps at least"
    diamonds = "; diamonds: largest radius of W_rec alone" if connectivity else ""
    caption = (
        f"The radius lies below 1 at {where} (points: means, {BAND} over "
        f"{len(first.dynamics.radius):,} steps of {first.episodes} episodes{diamonds})."
    )
    return picture("jacobian", figure, caption)


def lyapunov(scenes: Mapping[str, Scene]) -> Picture:
    """All exponents in order, one line for each scene."""
    figure = style.figure(6.4, 3.7)
    panel = style.tidy(figure.add_subplot())
    panel.axhline(0, color=style.MUTED, linewidth=0.9, linestyle=(0, (2, 3)))
    handles, told = [], []
    for i, (name, scene) in enumerate(scenes.items()):
        exponents = scene.dynamics.exponents
        exponents = exponents[~exponents.isnan().any(-1)]
        finite = int(exponents.isfinite().all(0).sum()) if len(exponents) else 0
        mean, low, high = percentiles(exponents[:, :finite])
        index = np.arange(1, finite + 1)
        color = style.series(i)
        panel.fill_between(index, low, high, color=color, alpha=0.18, linewidth=0)
        handles.append(panel.plot(index, mean, color=color, linewidth=1.7)[0])
        if finite:
            told.append(f"{mean[0]:.2f} ({name})")
        missing = exponents.shape[-1] - finite
    label(panel, "index of the exponent", "Lyapunov exponent (nats per step)")
    legend(figure, list(scenes), handles)
    gone = f"; {missing} more are minus infinity" if missing else ""
    caption = (
        f"The largest exponent is {listed(told)}: below 0 differences of states fade; above, they "
        f"grow ({BAND} over episodes{gone})."
        if told
        else "Episodes are too short for exponents."
    )
    return picture("lyapunov", figure, caption)
