"""Share of episodes that are still up, by step: one panel for each condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.artist import Artist
from matplotlib.figure import Figure

from lrs_lightning.report.plots import style
from lrs_lightning.statistics.endings import Survival

COLUMNS, MOST = 4, 24


def survival(curves: Mapping[tuple[str, str], Survival], names: Sequence[str]) -> Figure:
    """From 1 down by a step at each fall, for as long as any episode was watched, on one axis.

    The first 24 conditions have a panel.

    Args:
        curves: (policy, condition) -> its curve.
        names: of the policies, in the order of their colours.
    """
    conditions = list(dict.fromkeys(condition for _, condition in curves))[:MOST]
    across = min(COLUMNS, max(len(conditions), 1))
    down = -(-max(len(conditions), 1) // across)
    figure = style.figure(max(2.35 * across, 4.0), 1.9 * down + 0.5)
    panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
    handles: dict[str, Artist] = {}
    for panel, condition in zip(panels, conditions, strict=False):
        style.tidy(panel)
        style.title(panel, condition)
        panel.set_ylim(-0.03, 1.03)
        for k, name in enumerate(names):
            if (name, condition) in curves:
                curve = curves[name, condition]
                x, y = [*curve.steps, curve.watched], [*curve.share, curve.share[-1]]
                handles[name] = panel.step(x, y, where="post", color=style.series(k))[0]
    for panel in panels[len(conditions) :]:
        panel.set_axis_off()
    figure.supxlabel("step", fontsize=9, color=style.MUTED)
    figure.supylabel("share still up", fontsize=9, color=style.MUTED)
    style.legend(figure, list(handles), list(handles.values()))
    return figure
