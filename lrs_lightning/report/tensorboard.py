"""The same numbers and figures in TensorBoard."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, Protocol

from lrs_lightning.statistics.returns import CLEAN, Returns
from lrs_lightning.statistics.summary import Summary
from lrs_lightning.statistics.training_seeds import seeds_of

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

    def add_text(self, tag: str, text_string: str, global_step: int) -> Any:
        """Log a text in Markdown."""

    def _get_file_writer(self) -> Any:
        """What summaries of other kinds are written to."""


def log_summary(
    writer: Writer, summary: Summary, step: int, returns: Returns | None = None
) -> None:
    """Log each condition's return and shares, the aggregates, hyperparameters, and all figures.

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
    log_hyperparameters(writer, summary, step)
    writer.add_text(f"{PREFIX}/run", card(summary), step)
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


def headline(summary: Summary) -> dict[str, float]:
    """What HPARAMS sorts runs by: the clean world, the mean over shifts and the worst of them."""
    clean = next((c for c in summary.conditions if c["condition"] == CLEAN), None)
    found = {
        "clean_return": None if clean is None else clean["return_mean"],
        "clean_of_expert": None if clean is None else clean["expert_normalized"],
        "mean_over_shifts": summary.headline.get("mean_over_shifts"),
        "worst_shift": summary.headline.get("worst"),
    }
    return {f"headline/{name}": value for name, value in found.items() if value is not None}


def log_hyperparameters(writer: Writer, summary: Summary, step: int) -> None:
    """Log what the first policy was made with beside its headline, for the tab HPARAMS.

    Into the run itself: `SummaryWriter.add_hparams` makes one more run of every call.
    """
    from torch.utils.tensorboard.summary import hparams  # takes a second to import

    told = headline(summary)
    for name, value in told.items():
        writer.add_scalar(name, value, step)
    for entry in hparams(_hyperparameters(summary), told):  # type: ignore[no-untyped-call]
        writer._get_file_writer().add_summary(entry)


def _hyperparameters(summary: Summary) -> dict[str, Any]:
    configuration = summary.policy.get("configuration") or {}
    seeds = {f"seed.{name}": value for name, value in seeds_of(summary.policy).items()}
    facts = {k: v for k, v in summary.policy.items() if k not in ("configuration", "seeds")}
    known = {**facts, **configuration, **seeds}
    return {k: v if isinstance(v, bool | int | float) else str(v) for k, v in known.items()}


def card(summary: Summary) -> str:
    """The run in words, as a table of Markdown that shows names as they are."""
    rows = {
        "task": summary.env,
        **_hyperparameters(summary),
        **{name: f"{value:.4g}" for name, value in headline(summary).items()},
        "worst shift": summary.headline.get("worst_shift", "-"),
        **{name: f"{value:.6g}" for name, value in summary.references.items()},
    }
    lines = [f"| {_plain(name)} | {_plain(value)} |" for name, value in rows.items()]
    return "\n".join(["| of this run | |", "|---|---|", *lines])


def _plain(value: Any) -> str:
    """Text in which Markdown finds nothing to do."""
    return re.sub(r"([\\`*_{}\[\]<>()#+.!|~$-])", r"\\\1", " ".join(str(value).split()))


def _tag(name: str) -> str:
    """TensorBoard takes letters, digits, `/`, `.`, `-` and `_`."""
    return re.sub(r"[^\w./-]+", "_", name)
