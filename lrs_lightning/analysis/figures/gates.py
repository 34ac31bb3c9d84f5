"""What the sensors of a shifted world do to the gates, on the same states."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from lrs_lightning.analysis.cells import Cell
from lrs_lightning.analysis.figures.picture import Picture, episodes, label, listed, picture
from lrs_lightning.analysis.gates import GateShift
from lrs_lightning.analysis.scene import Scene
from lrs_lightning.report.plots import style

_BINS = 12
_FIRST = {"cfc": "H against G", "gru": "the old state", "lstm": "the old cell state"}


def gates(scene: Scene, cell: Cell) -> Picture | None:
    """Values, movement and effect of each gate; None for a scene without a shift of the sensors."""
    found = scene.gates
    if found is None:
        return None
    figure = style.figure(8.6, 3.7)
    values, moved, held = figure.subplots(1, 3)
    which = cell.interpolating or found.names[0]
    _histogram(values, found, which)
    _movement(moved, found)
    _held(held, found)
    share = ""
    if found.share is not None:
        before, after = (f"{value:.2f}" for value in found.share)
        what = _FIRST.get(cell.kind, "the first term")
        goes = f"stays at {before}" if before == after else f"goes from {before} to {after}"
        share = f"; the share of {what} {goes}"
    effects = [f"{name} {found.held_ratio(name):.2f}" for name in found.names]
    caption = (
        f"{scene.condition} on {scene.kind} trajectories, the same {len(found.moved):,} states of "
        f"{episodes({scene.label: scene})} read with clean and shifted sensors: {which} moves by "
        f"{float(found.moved[:, found.names.index(which)].mean()):.3f} on average{share}; holding "
        f"one gate at its clean value leaves this share of the action's movement: "
        f"{listed(effects)} (points: means of {_BINS} groups of equal size)."
    )
    return picture(f"gates-{scene.kind}-{_slug(scene.condition)}", figure, caption)


def _histogram(panel: Axes, found: GateShift, which: str) -> None:
    g = found.names.index(which)
    style.tidy(panel)
    style.title(panel, f"values of {which}")
    both = found.clean[:, g].flatten().numpy(), found.shifted[:, g].flatten().numpy()
    low, high = min(map(np.min, both)), max(map(np.max, both))
    edges = np.linspace(0 if low >= 0 else low, 1 if low >= 0 and high <= 1 else high, 41)
    # Not the colours of the gates, which have another meaning in the panels beside.
    drawn = (("clean", style.MUTED, "-"), ("shifted", style.series(4), (0, (3, 1.5))))
    for (name, color, line), numbers in zip(drawn, both, strict=True):
        height, _ = np.histogram(numbers, edges, density=True)
        panel.stairs(height, edges, color=color, linestyle=line, linewidth=1.6, label=name)
    panel.legend(frameon=False, fontsize=8, labelcolor=style.INK)
    label(panel, f"{which}, all units and steps", "density")


def _movement(panel: Axes, found: GateShift) -> None:
    style.tidy(panel)
    style.title(panel, "movement")
    size = found.input_moved.numpy()
    edges = np.quantile(size, np.linspace(0, 1, _BINS + 1))
    place = np.clip(np.searchsorted(edges, size, side="right") - 1, 0, _BINS - 1)
    filled = [b for b in range(_BINS) if (place == b).any()]
    x = [size[place == b].mean() for b in filled]
    for g, name in enumerate(found.names):
        numbers = found.moved[:, g].numpy()
        y = [numbers[place == b].mean() for b in filled]
        told = f"{name} ({found.correlation(name):+.2f})"
        panel.plot(x, y, "-o", color=style.series(g), markersize=3, linewidth=1.3, label=told)
    # Room for the legend above the lines.
    panel.set_ylim(0, panel.get_ylim()[1] * (1.25 + 0.09 * len(found.names)))
    panel.legend(
        loc="upper left", frameon=False, fontsize=8, labelcolor=style.INK,
        title="rank correlation", title_fontsize=8,
    )  # fmt: skip
    label(panel, "size of the shift (rms, deviations)", "mean absolute change of the gate")


def _held(panel: Axes, found: GateShift) -> None:
    style.tidy(panel)
    style.title(panel, "held at its clean value")
    ratios = [found.held_ratio(name) for name in found.names]
    colors: Sequence[str] = [style.series(g) for g in range(len(ratios))]
    panel.bar(range(len(ratios)), ratios, 0.6, color=colors)
    panel.axhline(1, color=style.MUTED, linewidth=0.9, linestyle=(0, (2, 3)))
    panel.set_xticks(range(len(ratios)), found.names)
    panel.set_ylim(bottom=0)
    label(panel, "gate", "movement of the action (1: none held)")


def _slug(condition: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in condition).strip("-")
