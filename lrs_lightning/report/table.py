"""The tables that `fit` and `evaluate` end with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from lrs_lightning.report.verdict import broken_by_freezing
from lrs_lightning.report.wording import (
    UNKNOWN,
    between,
    caveats,
    chance,
    counted,
    headline,
    headline_sentence,
    how_many,
    method_sentence,
    number,
    overall_first,
    p_value,
    share,
    verdicts,
    with_other_seeds,
)
from lrs_lightning.statistics.method_comparison import MethodDifference
from lrs_lightning.statistics.methods import ONE_SEED
from lrs_lightning.statistics.summary import Summary

DIFFERENCES_SHOWN = 20
CAVEATS_SHOWN = 5
_SHARES = "mean over shifts and worst are shares of the expert's return"


def closing(summary: Summary) -> list[Table]:
    """What an evaluation ends with: methods first, then each policy, then what compares them."""
    told = with_other_seeds(m["policies"] for m in summary.methods)
    each = [table(one, other_seeds=one.name in told) for one in summary.all]
    if summary.methods:
        compared = [method_differences(summary)] if summary.method_differences else []
        return [methods(summary), *compared, *each]
    return [*each, differences(summary)] if summary.differences else each


def table(summary: Summary, title: str | None = None, other_seeds: bool = False) -> Table:
    """Shift, return with its 95 % interval, share of the expert's return and of its own clean one.

    Args:
        summary: of one policy.
        title: in place of its name and task.
        other_seeds: its method is told over several training seeds elsewhere.

    Returns:
        A table for `rich.print`, headed by the mean over shifts and the worst shift; `fell`,
        `success`, `episodes` and `failed` have a column where there is something to tell.
    """
    named = title or f"{summary.name} on {summary.env}"
    shown = _headed(named, headline_sentence(summary.headline))
    shown.add_column("shift")
    for name in ("return", "95 % interval", "of expert", "of own clean"):
        shown.add_column(name, justify="right")
    more = {name: cells for name, cells in _more(summary).items() if any(cells)}
    for name in more:
        shown.add_column(name, justify="right")
    for i, condition in enumerate(summary.conditions):
        shown.add_row(*_cells(condition), *(cells[i] for cells in more.values()))
    frozen = broken_by_freezing(summary)
    shown.caption = "; ".join([*([frozen] if frozen else []), *caveats(summary, other_seeds)])
    shown.caption_justify = "left"
    return shown


def overview(summary: Summary) -> Table:
    """One line for each of many policies; `summary.json` and the report have their conditions."""
    shown = _headed(f"{len(summary.all)} policies on {summary.env}")
    shown.add_column("policy")
    for name in ("clean", "of expert", "mean over shifts", "worst"):
        shown.add_column(name, justify="right")
    shown.add_column("in shift")
    for one in summary.all:
        clean = one.conditions[0]
        found = headline(one.headline)
        mean, worst = (UNKNOWN, UNKNOWN) if found is None else (found[0][0], found[1][0])
        shown.add_row(
            one.name, number(clean["return_mean"]), share(clean["expert_normalized"]), mean, worst,
            str(one.headline.get("worst_shift") or UNKNOWN),
        )  # fmt: skip
    units = {one.headline["unit"] for one in summary.all if one.headline}
    unit = _SHARES if units and "return" not in units else ""
    seeds = with_other_seeds(m["policies"] for m in summary.methods)
    said = Counter(text for one in summary.all for text in caveats(one, one.name in seeds))
    every = len(summary.all)
    told = [text if n == every else f"of {n} of {every}: {text}" for text, n in said.most_common()]
    more = [f"and {len(told) - CAVEATS_SHOWN} more"] if len(told) > CAVEATS_SHOWN else []
    shown.caption = "; ".join(filter(None, [unit, *told[:CAVEATS_SHOWN], *more]))
    shown.caption_justify = "left"
    return shown


def methods(summary: Summary) -> Table:
    """Mean return of each method over its training seeds, in every condition."""
    shown = _headed("methods, over training seeds", *map(method_sentence, summary.methods))
    shown.add_column("shift")
    shown.add_column("method")
    for name in ("return", "95 % over seeds", "of expert", "of own clean", "seeds"):
        shown.add_column(name, justify="right")
    names = dict.fromkeys(c["condition"] for m in summary.methods for c in m["conditions"])
    for name in names:
        for method in summary.methods:
            for c in method["conditions"]:
                if c["condition"] == name:
                    shown.add_row(name, method["name"], *_cells(c)[1:], str(len(c["by_seed"])))
    return shown


def method_differences(summary: Summary) -> Table:
    """Differences between methods, the first 20; `summary.json` has all of them."""
    found = [_difference(d) for d in summary.method_differences]
    shown = _headed("differences between methods, over training seeds", *verdicts(found))
    for name in ("first", "second", "shift"):
        shown.add_column(name, no_wrap=True)
    for name in ("difference", "95 % interval", "p (Holm)", "at equal clean", "P(better)"):
        shown.add_column(name, justify="right", no_wrap=True)
    ordered = sorted(found, key=lambda d: overall_first(d.condition))
    for d in ordered[:DIFFERENCES_SHOWN]:
        cells = number(d.difference), between(d.ci95), p_value(d.p_holm), number(d.at_equal_clean)
        shown.add_row(d.a, d.b, d.condition, *cells, chance(d.improvement))
    shown.caption = _size(len(found))
    return shown


def differences(summary: Summary) -> Table:
    """Paired differences between policies, the first 20; `summary.json` has all of them."""
    shown = _headed(f"paired differences of these very runs: first minus second ({ONE_SEED})")
    for name in ("first", "second", "shift"):
        shown.add_column(name, no_wrap=True)
    for name in ("difference", "95 % interval", "p (Holm)", "P(better)"):
        shown.add_column(name, justify="right", no_wrap=True)
    ordered = sorted(summary.differences, key=lambda d: overall_first(d["condition"]))
    for d in ordered[:DIFFERENCES_SHOWN]:
        cells = number(d["difference"]), between(d["ci95"]), p_value(d.get("p_holm"))
        shown.add_row(d["a"], d["b"], d["condition"], *cells, chance(d["improvement"]))
    shown.caption = _size(len(ordered))
    return shown


def _headed(*lines: str) -> Table:
    """A table below the lines that say something."""
    return Table(title="\n".join(filter(None, lines)), title_justify="left")


def _difference(content: Mapping[str, Any]) -> MethodDifference:
    """As it was before it became JSON."""
    told = {key: _numbers(content[key]) for key in MethodDifference.__dataclass_fields__}
    return MethodDifference(**told)


def _numbers(value: Any) -> Any:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(map(_numbers, value))
    return float("nan") if value is None else value


def _size(count: int) -> str:
    rest = count - DIFFERENCES_SHOWN
    return how_many(count) + (f"; {rest} more in summary.json" if rest > 0 else "")


def _cells(condition: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    return (
        str(condition["condition"]),
        number(condition["return_mean"]),
        between(condition["return_ci95"]),
        share(condition["expert_normalized"]),
        share(condition["retention"]),
    )


def _more(summary: Summary) -> dict[str, list[str]]:
    """Columns that are there for those that need them: a cell for each condition, or empty ones."""
    ends = [condition.get("endings") for condition in summary.conditions]
    fell = [share(e["fall_rate"]) if e else UNKNOWN for e in ends]
    success = [share(e["success_rate"]) if e else UNKNOWN for e in ends]
    numbers = [(c["episodes"], c.get("outcomes", c["episodes"])) for c in summary.conditions]
    repeated = any(episodes != outcomes for episodes, outcomes in numbers)
    return {
        "fell": fell if any(e and e["fall_rate"] for e in ends) else [],
        "success": success if any(e and e["success_rate"] is not None for e in ends) else [],
        "episodes": [counted(*some) for some in numbers] if repeated else [],
        "failed": [str(c["failed"] or "") for c in summary.conditions],
    }
