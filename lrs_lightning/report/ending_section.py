"""How episodes ended: falls, successes, lengths, and how long policies stayed up."""

from __future__ import annotations

from lrs_lightning.report.charts import Frame, key, line, panel
from lrs_lightning.report.dot_plot import Axis
from lrs_lightning.report.html import Cell, Markup, element, figure, folded, named, section
from lrs_lightning.report.runs import Comparison
from lrs_lightning.report.sections import LONG, Part, long_table
from lrs_lightning.report.subjects import places, subjects
from lrs_lightning.report.wording import between_shares, number, share
from lrs_lightning.statistics.endings import Endings, Survival

MOST = 24  # panels of survival curves


def endings(comparison: Comparison) -> Part:
    """Success, falls, time to fall and lengths; None where nothing is known beside lengths."""
    told = [
        (c["condition"], summary.name, c["endings"])
        for summary in comparison.summaries
        for c in summary.conditions
        if "endings" in c
    ]
    if not any(e["fall_rate"] or e["success_rate"] is not None for _, _, e in told):
        return None
    order = {name: i for i, name in enumerate(dict.fromkeys(name for name, _, _ in told))}
    several, place = len(comparison.summaries) > 1, places(comparison)
    rows: list[list[Cell]] = []
    for name, policy, e in sorted(told, key=lambda row: order[row[0]]):
        rows.append([name, *([named(place[policy], policy)] if several else []), *_numbers(e)])
    head = ["shift", *(["policy"] if several else []), "success", "95 % interval", "fell"]
    head += ["95 % interval", "half fell by step", "mean length", "median length"]
    whole = long_table(head, rows, 2 if several else 1)
    whole = folded(f"All {len(order)} conditions", whole, len(rows), LONG)
    return section("How episodes ended", *_survival(comparison), whole, note=ENDINGS)


def _survival(comparison: Comparison) -> list[Markup]:
    """The share still up over steps, a panel for each condition in which any fell."""
    curves, compared = comparison.survival, subjects(comparison)
    conditions = list(dict.fromkeys(condition for _, condition in curves))
    if not conditions:
        return []
    last = max(curve.watched for curve in curves.values())
    shown = Axis(0.0, last, Axis.of([0.0, last], 3).ticks)
    frame = Frame(shown, Axis(-0.03, 1.03, (0.0, 0.25, 0.5, 0.75, 1.0)))
    panels = [
        panel(
            condition,
            frame,
            [
                line(frame, _steps(curves[s.name, condition]), s.index, "stairs", s.name)
                for s in compared
                if (s.name, condition) in curves
            ],
        )
        for condition in conditions[:MOST]
    ]
    names = [key([s.name for s in compared])] if len(compared) > 1 else []
    caption = SURVIVAL
    if len(conditions) > MOST:
        caption += f" The first {MOST} of {len(conditions)} conditions in which any fell."
    return [*names, figure(element("div", *panels, class_="panels"), caption)]


def _steps(curve: Survival) -> list[tuple[float, float]]:
    """Corners of the stairs, up to the last step in which any of its episodes was watched."""
    corners = [(0.0, 1.0)]
    for step, share_ in zip(curve.steps, curve.share, strict=True):
        corners += [(float(step), corners[-1][1]), (float(step), float(share_))]
    return [*corners, (float(curve.watched), corners[-1][1])]


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
SURVIVAL = (
    "Share of episodes still up, by step. Kaplan and Meier's curves, those of a method over the "
    "episodes of all its seeds: who reached the time limit upright was watched until then."
)
