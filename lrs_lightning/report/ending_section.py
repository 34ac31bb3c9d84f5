"""How episodes ended: falls, successes, lengths, and how long policies stayed up."""

from __future__ import annotations

from lrs_lightning.report import plots
from lrs_lightning.report.html import (
    Cell,
    Markup,
    dot,
    escape,
    figure,
    folded,
    section,
    table,
)
from lrs_lightning.report.runs import Comparison
from lrs_lightning.report.sections import LONG, Part
from lrs_lightning.report.svg import inline
from lrs_lightning.report.wording import between_shares, number, share
from lrs_lightning.statistics.endings import Endings


def endings(comparison: Comparison) -> Part:
    """Success, falls, time to fall and lengths; None where nothing is known beside lengths."""
    told = [
        (c["condition"], i, c["endings"])
        for i, summary in enumerate(comparison.summaries)
        for c in summary.conditions
        if "endings" in c
    ]
    if not any(e["fall_rate"] or e["success_rate"] is not None for _, _, e in told):
        return None
    order = list(dict.fromkeys(name for name, _, _ in told))
    several = len(comparison.summaries) > 1
    rows: list[list[Cell]] = []
    for name, i, e in sorted(told, key=lambda row: order.index(row[0])):
        who = [Markup(dot(i).text + escape(comparison.summaries[i].name))] if several else []
        rows.append([name, *who, *_numbers(e)])
    head = ["shift", *(["policy"] if several else []), "success", "95 % interval", "fell"]
    head += ["95 % interval", "half fell by step", "mean length", "median length"]
    whole = table(head, rows, 2 if several else 1, "" if several else "striped")
    parts = [folded(f"All {len(order)} conditions", whole, len(rows), LONG)]
    if comparison.survival:
        drawn = plots.survival(comparison.survival, [s.name for s in comparison.summaries])
        parts.insert(0, figure(inline(drawn, "share of episodes still up, by step"), SURVIVAL))
    return section("How episodes ended", *parts, note=ENDINGS)


def _numbers(e: Endings) -> list[Cell]:
    return [
        share(e["success_rate"]),
        between_shares(e["success_ci95"]),
        share(e["fall_rate"]),
        between_shares(e["fall_ci95"]),
        number(e["fall_median"]),
        number(e["length_mean"]),
        number(e["length_median"]),
    ]


ENDINGS = (
    "An episode fell where the task ended it before its time limit without success, or where its "
    "body lay down and never got up. Success is what the environment calls so."
)
SURVIVAL = "Kaplan and Meier's curves: who reached the time limit upright was watched until then."
