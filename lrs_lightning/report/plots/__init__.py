"""Figures of an evaluation; TensorBoard, the report and a notebook show the same ones."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from lrs_lightning.report.plots.conditions import conditions
from lrs_lightning.report.plots.curves import severity_curves
from lrs_lightning.report.plots.heat_map import heat_map
from lrs_lightning.report.plots.profiles import profiles
from lrs_lightning.report.plots.survival import survival
from lrs_lightning.statistics.returns import Returns
from lrs_lightning.statistics.summary import Summary

__all__ = ["conditions", "figures", "heat_map", "profiles", "severity_curves", "survival"]


def figures(summaries: Sequence[Summary], returns: Returns | None = None) -> dict[str, Figure]:
    """All figures by name: `returns`, `severity`, `heat_map/<policy>`, `profiles`.

    Args:
        summaries: of policies that played the same suite.
        returns: their episodes; without them there are no profiles.
    """
    found = {"returns": conditions(summaries)}
    if any(len(summary.conditions) > 1 for summary in summaries):
        found["severity"] = severity_curves(summaries)
    found |= {f"heat_map/{summary.name}": heat_map(summary) for summary in summaries}
    if returns is not None:
        found["profiles"] = profiles(returns, summaries[0].references)
    return found
