"""What becomes of the return when one gate reads the clean sensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lrs_lightning.analysis.counterfactual import clean_gate_name
from lrs_lightning.analysis.figures.picture import Picture, label, legend, listed, picture
from lrs_lightning.report.plots import style
from lrs_lightning.statistics import Summary
from lrs_lightning.statistics.returns import CLEAN

_OVERALL = "all shifts"


def counterfactuals(summary: Summary, gates: Sequence[str]) -> Picture:
    """Paired differences of the return, a row for each condition, a colour for each gate.

    Clean play, where clean sensors can change nothing, has a row only if something differs.

    Args:
        summary: of the policy itself, with `others` and `differences`; see `clean_gate_name`.
        gates: that read clean sensors, one at a time.
    """
    found = _differences(summary, gates)
    conditions = list(dict.fromkeys(condition for condition, _ in found))
    figure = style.figure(6.6, 1.9 + 0.16 * len(conditions) * (len(gates) + 1))
    panel = style.tidy(figure.add_subplot(), grid="x")
    panel.axvline(0, color=style.MUTED, linewidth=0.9, linestyle=(0, (2, 3)))
    handles, told = [], []
    for row, condition in enumerate(conditions):
        for k, gate in enumerate(gates):
            one = found[condition, gate]
            y = row + (k - (len(gates) - 1) / 2) * 0.2
            # Differences are told as policy minus counterfactual, and drawn the other way round.
            low, high = sorted(-end if end is not None else 0.0 for end in one["ci95"])
            change, color = -one["difference"], style.series(k)
            panel.hlines(y, low, high, color=color, linewidth=2.5, alpha=0.55)
            handles += panel.plot(change, y, "o", color=color, markersize=5)
            if low > 0 or high < 0:
                told.append(f"{gate} under {condition} ({change:+,.0f})")
    panel.set_yticks(range(len(conditions)), conditions, color=style.INK)
    panel.set_ylim(len(conditions) - 0.5, -0.5)
    legend(figure, [f"{gate} reads clean sensors" for gate in gates], handles[: len(gates)])
    label(panel, "change of the return of an episode")
    episodes = next(iter(found.values()))["episodes"]
    verdict = f"changes the return for {listed(told)}" if told else "changes no return for certain"
    caption = (
        f"In closed loop clean sight of one gate {verdict} (points: means, bars: 95 % intervals of "
        f"the paired difference over {episodes} episodes of one policy, each for itself, "
        f"{len(found)} comparisons; left of 0 what the gate sees of the shift helps)."
    )
    return picture("counterfactual", figure, caption)


def _differences(summary: Summary, gates: Sequence[str]) -> dict[tuple[str, str], dict[str, Any]]:
    """(condition, gate) -> the difference between policy and counterfactual."""
    of_gate = {clean_gate_name(summary.name, gate): gate for gate in gates}
    found = {
        (d["condition"], of_gate[d["b"]]): d
        for d in summary.differences
        if d["a"] == summary.name and d["b"] in of_gate and d["condition"] != _OVERALL
    }
    alike = all(not d["difference"] for (condition, _), d in found.items() if condition == CLEAN)
    return {key: d for key, d in found.items() if not (alike and key[0] == CLEAN)}
