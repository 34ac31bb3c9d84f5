"""Performance profiles: the share of episodes that earn more than a threshold."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from lrs_lightning.report.plots import style
from lrs_lightning.statistics import estimates
from lrs_lightning.statistics.bootstrap import percentile_interval, replicate
from lrs_lightning.statistics.estimates import Array
from lrs_lightning.statistics.returns import Returns, finite
from lrs_lightning.statistics.scale import Scale

THRESHOLDS = 101
RESAMPLES = 500  # a band needs fewer than an interval that is printed


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
    thresholds = _thresholds(values, bool(scale))
    figure = style.figure(6.4, 3.3)
    axes = style.tidy(figure.add_subplot())
    handles = []
    for k, strata in enumerate(values):  # (C, E)
        parts = [s for s in map(finite, strata) if s.size]
        if not parts:
            handles.append(axes.plot([], [], color=style.series(k))[0])
            continue
        profile, low, high = _profile(parts, thresholds)
        axes.fill_between(thresholds, low, high, color=style.series(k), alpha=0.18, linewidth=0)
        handles.append(axes.plot(thresholds, profile, color=style.series(k), linewidth=1.8)[0])
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel(
        "expert-normalised return" if scale else "return", fontsize=9, color=style.MUTED
    )
    axes.set_ylabel("share of episodes above", fontsize=9, color=style.MUTED)
    style.legend(figure, returns.policies, handles)
    return figure


def _profile(parts: list[Array], thresholds: Array) -> tuple[Array, Array, Array]:
    pooled, sizes = np.concatenate(parts), [part.size for part in parts]

    def profile(values: Array, weights: Array) -> Array:
        return estimates.performance_profile(values, thresholds, weights)

    low, high = percentile_interval(replicate(pooled, sizes, profile, RESAMPLES), sizes)
    return profile(pooled, np.ones(pooled.size)), np.maximum(low, 0), np.minimum(high, 1)


def _thresholds(values: Array, normalized: bool) -> Array:
    known = finite(values)
    low, high = (known.min(), known.max()) if known.size else (0.0, 1.0)
    if normalized:
        low, high = min(low, 0.0), max(high, 1.0)
    return np.linspace(low, high, THRESHOLDS)
