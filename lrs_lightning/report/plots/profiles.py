"""Performance profiles: the share of episodes that earn more than a threshold."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from lrs_lightning.report.plots import style
from lrs_lightning.report.profile_curves import profile, thresholds_of
from lrs_lightning.statistics.returns import Returns
from lrs_lightning.statistics.scale import Scale


def profiles(returns: Returns, references: Mapping[str, float]) -> Figure:
    """Over all shifted episodes, with 95 % bands; expert-normalised where references are known.

    Args:
        returns: of all policies.
        references: `expert` and `random`.
    """
    scale = Scale.of(references)
    shifted = returns.shifted() if len(returns.conditions) > 1 else returns
    values = shifted.values
    if scale:
        values = scale.normalized(values)
    thresholds = thresholds_of(values, bool(scale))
    figure = style.figure(6.4, 3.3)
    axes = style.tidy(figure.add_subplot())
    handles = []
    for k, strata in enumerate(values):  # (C, E)
        found = profile(strata, thresholds)
        if found is None:
            handles.append(axes.plot([], [], color=style.series(k))[0])
            continue
        low, high = found.low, found.high
        axes.fill_between(thresholds, low, high, color=style.series(k), alpha=0.18, linewidth=0)
        handles.append(axes.plot(thresholds, found.share, color=style.series(k), linewidth=1.8)[0])
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel(
        "expert-normalised return" if scale else "return", fontsize=9, color=style.MUTED
    )
    axes.set_ylabel("share of episodes above", fontsize=9, color=style.MUTED)
    style.legend(figure, returns.policies, handles)
    return figure
