"""Numbers, intervals and their caveats in words, the same in the terminal and on the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from lrs_lightning.statistics.comparison import OVERALL
from lrs_lightning.statistics.method_comparison import MethodDifference
from lrs_lightning.statistics.methods import ONE_SEED
from lrs_lightning.statistics.summary import Summary
from lrs_lightning.statistics.training_seeds import seeds_of

UNKNOWN = "-"
TOO_FEW = "too few"


def number(value: float | None) -> str:
    """A return: whole from 100 on, with digits below."""
    if value is None or not np.isfinite(value):
        return UNKNOWN
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


def with_sign(difference: float | None) -> str:
    """A difference of returns, with its sign and as many digits as a return has."""
    shown = number(difference)
    return shown if shown == UNKNOWN or shown.startswith("-") else f"+{shown}"


def between(ends: Sequence[float | None]) -> str:
    """An interval of returns."""
    low, high = map(number, ends)
    return UNKNOWN if UNKNOWN in (low, high) else f"{low} to {high}"


def share(value: float | None) -> str:
    """A share with two digits."""
    return UNKNOWN if value is None or not np.isfinite(value) else f"{value:.2f}"


def between_shares(ends: Sequence[float | None]) -> str:
    """An interval of shares."""
    low, high = map(share, ends)
    return "" if UNKNOWN in (low, high) else f"{low} to {high}"


def chance(value: float | None) -> str:
    """A chance to be better, or that there are too few to tell."""
    shown = share(value)
    return TOO_FEW if shown == UNKNOWN else shown


def p_value(value: float | None) -> str:
    """A p value with three digits."""
    if value is None or not np.isfinite(value):
        return UNKNOWN
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def counted(episodes: int, outcomes: int | None) -> str:
    """How many episodes, and how many of them differ where some went exactly alike."""
    outcomes = episodes if outcomes is None else outcomes
    if outcomes == episodes:
        return str(episodes)
    return f"{episodes} (all alike)" if outcomes == 1 else f"{episodes} ({outcomes} differ)"


def headline(told: Mapping[str, Any]) -> tuple[tuple[str, str], tuple[str, str]] | None:
    """Mean over shifts and worst shift, each with its interval; None without shifts."""
    if not told:
        return None
    if told["unit"] == "return":
        value, ends = number, between
    else:
        value, ends = share, between_shares
    return (
        (value(told["mean_over_shifts"]), ends(told["mean_over_shifts_ci95"])),
        (value(told["worst"]), ends(told["worst_ci95"])),
    )


def headline_sentence(told: Mapping[str, Any]) -> str:
    """The same as one line of text; empty without shifts."""
    shown = headline(told)
    if shown is None:
        return ""
    of = " of expert" if told["unit"] != "return" else ""
    (mean, mean_ends), (worst, worst_ends) = shown
    return (
        f"mean over shifts {mean}{of}{_in(mean_ends)}; "
        f"worst shift {told['worst_shift']}: {worst}{of}{_in(worst_ends)}"
    )


def with_other_seeds(methods: Iterable[Sequence[str]]) -> set[str]:
    """Policies whose method has other training seeds too, of the policies of each method."""
    return {name for policies in methods if len(policies) > 1 for name in policies}


def _repeats(told: Mapping[str, Any]) -> str:
    """That fewer episodes differ than were played."""
    episodes = f"{told['episodes']} episodes of {told['condition']}"
    if told["outcomes"] == 1:
        return f"all {episodes} went alike: they count as one"
    return f"of {episodes} only {told['outcomes']} differ: intervals are drawn over those"


def caveats(summary: Summary, other_seeds: bool = False) -> list[str]:
    """What must be said beside the numbers of one policy.

    Args:
        summary: of the policy.
        other_seeds: its method is told over several training seeds elsewhere.
    """
    found = []
    repeated = [c for c in summary.conditions if c.get("outcomes", c["episodes"]) != c["episodes"]]
    if repeated:
        fewest = min(repeated, key=lambda c: c["outcomes"])
        found.append(_repeats(fewest))
    clean = next((c for c in summary.conditions if c["condition"] == "clean"), None)
    if clean is not None and clean["episodes"] and clean["retention"] is None:
        found.append(
            "its clean return is no yardstick (not positive, below half of the expert's, or within "
            "the noise of chance): no share of it is given, compare the returns themselves"
        )
    found += _without_effect(summary)
    if summary.provenance.get("settings"):
        found.append(f"played with {summary.provenance['settings']}")
    if other_seeds:
        found.append("intervals are over episodes of this run, those of its method over seeds")
    elif seeds_of(summary.policy):
        found.append(f"intervals are over episodes of this run; {ONE_SEED}")
    else:
        found.append("intervals are over episodes of this policy")
    return found


def _without_effect(summary: Summary) -> list[str]:
    """Which conditions changed nothing: their numbers, if there are any, are no robustness."""
    left_out: Mapping[str, str] = summary.provenance.get("left_out") or {}
    unchanged = [c["condition"] for c in summary.conditions if c.get("unchanged")]
    found = []
    if left_out:
        found.append(
            f"{', '.join(left_out)}: not played and in no mean, since this task has nothing that "
            "they would change"
        )
    if unchanged:
        found.append(
            f"{', '.join(unchanged)}: every episode went as in the clean world, action for action, "
            "which shows no robustness"
        )
    return found


def method_sentence(method: Mapping[str, Any]) -> str:
    """Who, how often trained, and the headline, of an entry of `methods` in a summary."""
    seeds = len(method["policies"])
    if seeds < 2:
        return f"{method['name']}: {ONE_SEED}"
    told = headline_sentence(method["headline"])
    return f"{method['name']}: {seeds} training seeds" + (f"; {told}" if told else "")


def verdicts(differences: Sequence[MethodDifference]) -> list[str]:
    """One sentence for each pair of methods: whether they differ, and where."""
    pairs: dict[tuple[str, str], list[MethodDifference]] = {}
    for difference in differences:
        pairs.setdefault((difference.a, difference.b), []).append(difference)
    found = []
    for (a, b), of in pairs.items():
        clear = [d for d in of if d.clear]
        better = [d.condition for d in clear if d.difference > 0]
        worse = [d.condition for d in clear if d.difference < 0]
        told = [
            f"{word} in {', '.join(names)}"
            for word, names in (("better", better), ("worse", worse))
            if names
        ]
        what = " and ".join(told) if told else "no clear difference"
        size = several(len(of), "comparison")
        rest = f" (of {size})" if told else f" in any of {size}"
        n, m = of[0].seeds
        paired = ", in pairs" if of[0].paired else ""
        found.append(f"{a} against {b}, {n} and {m} training seeds{paired}: {what}{rest}")
    return found


def several(count: int, thing: str) -> str:
    """`1 condition`, `2 conditions`."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def how_many(count: int) -> str:
    """What a table of comparisons says of its own size."""
    return f"{count} comparisons; p values are corrected for them (Holm)"


def overall_first(condition: str) -> bool:
    """Key to sort comparisons: those over all shifts stand first."""
    return condition != OVERALL


def _in(ends: str) -> str:
    return f" ({ends})" if ends and ends != UNKNOWN else ""
