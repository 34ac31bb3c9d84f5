"""What becomes of the return when one gate reads the clean sensors."""

from __future__ import annotations

from collections.abc import Sequence

from lrs_lightning.analysis.counterfactual import clean_gate_name
from lrs_lightning.analysis.figures.picture import Picture, label, listed, picture
from lrs_lightning.report.plots import style
from lrs_lightning.statistics import Summary

_OVERALL = "all shifts"


def counterfactuals(summary: Summary, gates: Sequence[str]) -> Picture:
    """Paired differences of the return, a row for each condition, a colour for each gate.

    Args:
        summary: of the policy itself, with `others` and `differences`; see `clean_gate_name`.
        gates: that read clean sensors, one at a time.
    """
    of_gate = {clean_gate_name(summary.name, gate): gate for gate in gates}
    found = {
        (d["condition"], of_gate[d["b"]]): d
        for d in summary.differences
        if d["a"] == summary.name and d["b"] in of_gate and d["condition"] != _OVERALL
    }
    conditions = list(dict.fromkeys(condition for condition, _ in found))
    figure = style.figure(6.6, 1.7 + 0.16 * len(conditions) * (len(gates) + 1))
    panel = style.tidy(figure.add_subplot(), grid="x")
    panel.axvline(0, color=style.MUTED, linewidth=0.9, linestyle=(0, (2, 3)))
    told = []
    for row, condition in enumerate(conditions):
        for k, gate in enumerate(gates):
            one = found[condition, gate]
            y = row + (k - (len(gates) - 1) / 2) * 0.2
            # Differences are told as policy minus counterfactual, and drawn the other way round.
            low, high = sorted(-end if end is not None else 0.0 for end in one["ci95"])
            color = style.series(k)
            panel.hlines(y, low, high, color=color, linewidth=2.5, alpha=0.55)
            name = gate if row == 0 else None
            panel.plot(-one["difference"], y, "o", color=color, markersize=5, label=name)
            if low > 0 or high < 0:
                told.append(f"{gate} under {condition} ({-one['difference']:+,.0f})")
    panel.set_yticks(range(len(conditions)), conditions, color=style.INK)
    panel.set_ylim(len(conditions) - 0.5, -0.5)
    panel.legend(
        frameon=False,
        fontsize=9,
        labelcolor=style.INK,
        title="reads clean sensors",
        title_fontsize=9,
    )
    label(panel, "change of the return when one gate reads the clean sensors")
    episodes = next(iter(found.values()))["episodes"]
    verdict = f"matters for {listed(told)}" if told else "matters for none of them"
    caption = (
        f"A clean gate {verdict}: bars are 95 % intervals of the paired difference over {episodes} "
        "episodes of one policy; to the left, what the gate sees of the shift helps."
    )
    return picture("counterfactual", figure, caption)
