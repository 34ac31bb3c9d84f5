"""The same numbers and figures in TensorBoard."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, Protocol

from lrs_lightning.statistics.returns import Returns
from lrs_lightning.statistics.summary import Summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PREFIX = "closed_loop"
_SCALARS: dict[str, Literal["return_mean", "expert_normalized", "retention"]] = {
    "return": "return_mean",
    "of_expert": "expert_normalized",
    "of_own_clean": "retention",
}
_AGGREGATES = ("iqm", "optimality_gap")


class Writer(Protocol):
    """What is needed of a `SummaryWriter`."""

    def add_scalar(self, tag: str, scalar_value: Any, global_step: int) -> Any:
        """Log a number."""

    def add_figure(self, tag: str, figure: Figure, global_step: int) -> Any:
        """Log a figure."""


def log_summary(
    writer: Writer, summary: Summary, step: int, returns: Returns | None = None
) -> None:
    """Log each condition's return and shares, the aggregates, and all figures.

    Args:
        writer: a `SummaryWriter`, or something like it.
        summary: of one policy, or of several that were compared.
        step: training step.
        returns: the episodes, for performance profiles.
    """
    for one in summary.all:
        group = f"{PREFIX}/{one.name}" if summary.others else PREFIX
        for name, value in scalars(one).items():
            writer.add_scalar(_tag(f"{group}/{name}"), value, step)
    from lrs_lightning.report.plots import figures  # matplotlib takes a second to import

    for name, figure in figures(summary.all, returns).items():
        writer.add_figure(_tag(f"{PREFIX}/figures/{name}"), figure, step)


def scalars(summary: Summary) -> dict[str, float]:
    """Everything that is known, by name, e.g. `return/mass@3`."""
    found: dict[str, float | None] = {
        f"{name}/{condition['condition']}": condition[key]
        for condition in summary.conditions
        for name, key in _SCALARS.items()
    }
    found |= {f"all_shifts/{name}": summary.aggregate.get(name) for name in _AGGREGATES}
    return {name: value for name, value in found.items() if value is not None}


def _tag(name: str) -> str:
    """TensorBoard takes letters, digits, `/`, `.`, `-` and `_`."""
    return re.sub(r"[^\w./-]+", "_", name)
