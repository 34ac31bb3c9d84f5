"""What a report says of methods: the answer first, then their means and differences over seeds."""

from __future__ import annotations

from lrs_lightning.report.html import Cell, bar, element, folded, named, section, table
from lrs_lightning.report.runs import Comparison
from lrs_lightning.report.sections import LONG, Part, long_table, signed
from lrs_lightning.report.wording import (
    between,
    between_shares,
    chance,
    counted,
    how_many,
    method_sentence,
    number,
    overall_first,
    p_value,
)
from lrs_lightning.statistics.comparison import OVERALL
from lrs_lightning.statistics.method_summary import MethodCondition


def methods(comparison: Comparison) -> Part:
    """What may be said of the methods that were trained more than once."""
    if all(len(method.policies) < 2 for method in comparison.methods):
        return None
    told = [method_sentence(method.to_dict()) for method in comparison.methods]
    told += [
        f"{name} has the training seeds of {first}, is no second draw, and does not count"
        for name, first in comparison.repeats.items()
    ]
    sentences = [element("p", f"{sentence}.") for sentence in told]
    names = dict.fromkeys(c.condition for m in comparison.methods for c in m.conditions)
    rows = _rows(comparison)
    head = ["shift", "method", "return", "95 % over seeds", "IQM over seeds", "of expert"]
    whole = long_table([*head, "of own clean", "each seed", "episodes"], rows, 2)
    shown = folded(f"All {len(names)} conditions", whole, len(rows), LONG)
    return section("Methods", *sentences, shown, note=METHODS)


def method_differences(comparison: Comparison) -> Part:
    """Every pair of methods of several training seeds."""
    found = sorted(comparison.method_differences, key=lambda d: overall_first(d.condition))
    if not found:
        return None
    rows: list[list[Cell]] = []
    for d in found:
        name: Cell = element("b", OVERALL) if d.condition == OVERALL else d.condition
        seeds = f"{d.seeds[0]} pairs" if d.paired else f"{d.seeds[0]} and {d.seeds[1]}"
        rows.append(
            [
                name, f"{d.a} - {d.b}", signed(d.difference, d.clear), between(d.ci95),
                p_value(d.p_holm), number(d.at_equal_clean), between(d.at_equal_clean_ci95),
                chance(d.improvement), between_shares(d.improvement_ci95), seeds,
            ]
        )  # fmt: skip
    head = ["shift", "methods", "difference", "95 % interval", "p (Holm)", "at equal clean"]
    head += ["95 % interval", "chance to be better", "95 % interval", "seeds"]
    overall = [row for row, d in zip(rows, found, strict=True) if d.condition == OVERALL]
    short = [] if len(rows) <= LONG or not overall else [table(head, overall, 2, "striped")]
    whole = folded(f"All {len(rows)} differences", long_table(head, rows, 2), len(rows), LONG)
    size = element("p", f"{how_many(len(rows))}.", class_="note")
    return section("Differences between methods", size, *short, whole, note=DIFFERENCES)


def _rows(comparison: Comparison) -> list[list[Cell]]:
    """By condition, and in each by method."""
    of: dict[str, list[list[Cell]]] = {}
    for place, method in enumerate(comparison.methods):
        for c in method.conditions:
            row: list[Cell] = [c.condition, named(place, method.name), *_numbers(c)]
            of.setdefault(c.condition, []).append(row)
    return [row for rows in of.values() for row in rows]


def _numbers(c: MethodCondition) -> list[Cell]:
    return [
        number(c.return_mean),
        between(c.return_ci95),
        number(c.return_iqm),
        bar(_known(c.expert_normalized)),
        bar(_known(c.retention)),
        ", ".join(map(number, c.by_seed)),
        counted(c.episodes, c.outcomes),
    ]


def _known(value: float) -> float | None:
    return value if value == value else None


METHODS = (
    "A method is what runs have in common that differ in their training seeds alone. Intervals are "
    "over training seeds first and episodes second, with Student's t: right for as few as three "
    "seeds, where a percentile bootstrap is not."
)
DIFFERENCES = (
    "Intervals are of each comparison alone; coloured where the corrected p value is below 0.05. "
    "At equal clean: what is left of the difference on lines of one slope through the seeds of "
    "both. Chances are of two trainings, not of two episodes."
)
