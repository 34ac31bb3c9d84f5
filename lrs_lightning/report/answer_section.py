"""The first screen: one sentence that answers, and the numbers behind it as a forest plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from lrs_lightning.report.answers import answer_of_methods, answer_of_one, answer_of_runs
from lrs_lightning.report.dot_plot import Row, dot_plot
from lrs_lightning.report.html import Cell, Markup, element, folded, named, section
from lrs_lightning.report.runs import Comparison
from lrs_lightning.report.subjects import Point, Subject, subjects
from lrs_lightning.report.wording import between, number, p_value, share, verdicts, with_sign
from lrs_lightning.statistics.comparison import OVERALL, Difference
from lrs_lightning.statistics.estimates import Array
from lrs_lightning.statistics.method_comparison import LEVEL, MethodDifference
from lrs_lightning.statistics.method_summary import MethodSummary
from lrs_lightning.statistics.returns import CLEAN

MOST = 24  # rows that a reader takes in without scrolling for long
Either = MethodDifference | Difference


def answer(comparison: Comparison) -> Markup:
    """What the evaluation says, in one sentence, and how sure it is."""
    if comparison.method_differences:
        told, drawn = answer_of_methods(comparison), _of_differences(
            comparison.method_differences, {m.name: m for m in comparison.methods}, METHODS
        )  # fmt: skip
    elif comparison.differences:
        told, drawn = answer_of_runs(comparison), _of_differences(comparison.differences, {}, RUNS)
    else:
        told, drawn = answer_of_one(comparison), _of_conditions(comparison)
    return section("Answer", element("p", told, class_="answer"), *drawn)


def _of_differences(
    found: Sequence[Either], methods: Mapping[str, MethodSummary], note: str
) -> list[Markup]:
    """Of one pair every condition; of several, all others against the one that earns most."""
    pairs = dict.fromkeys((d.a, d.b) for d in found)
    if len(pairs) == 1:
        (a, b), *_ = pairs
        first = [d for d in found if d.condition == OVERALL]
        chosen = [*first, *(d for d in found if d.condition != OVERALL)]
        label, head = f"Return of {a} minus that of {b}", "shift"
        rows = [(_condition(d), _Turned.of(d, d.a, methods)) for d in chosen]
    else:
        best = _best(found)
        overall = [d for d in found if d.condition == OVERALL] or found
        chosen = [d for d in overall if best in (d.a, d.b)]
        label, head = f"Return of each minus that of {best}, over all shifts", "against the best"
        turned = [_Turned.of(d, d.a if d.b == best else d.b, methods) for d in chosen]
        rows = [(element("bdi", t.name, class_="clamp", title=t.name), t) for t in turned]
    rows = [row for row in rows if np.isfinite(row[1].difference)]
    kept, left = rows, ""
    if len(rows) > MOST:
        least = sorted(rows[1:], key=lambda row: row[1].p_holm)[: MOST - 1]
        kept = [row for row in rows if row is rows[0] or any(row is one for one in least)]
        left = f" The {MOST} of {len(rows)} with the smallest p values."
    heads = [head, "difference", "95 % interval", "p (Holm)"]
    plot = dot_plot(label, heads, [t.row(name) for name, t in kept], [(0.0, "")])
    return [plot, element("p", note + left, class_="note under"), *_pairs(found)]


class _Turned(NamedTuple):
    """A difference as seen from one of the two."""

    name: str
    difference: float
    ci95: tuple[float, float]
    p_holm: float
    dots: Sequence[float]
    rings: Sequence[float]

    @classmethod
    def of(cls, d: Either, name: str, methods: Mapping[str, MethodSummary]) -> _Turned:
        """The difference `name` minus the other one."""
        dots, rings = _dots(d, methods) if isinstance(d, MethodDifference) else ((), ())
        if name == d.a:
            return cls(name, d.difference, d.ci95, d.p_holm, dots, rings)
        low, high = d.ci95
        other_dots = [-x for x in (rings or dots)]
        other_rings = [-x for x in dots] if rings else []
        return cls(name, -d.difference, (-high, -low), d.p_holm, other_dots, other_rings)

    def row(self, label: Cell) -> Row:
        """The line of the plot."""
        clear = bool(self.p_holm < LEVEL)
        kind = ("better" if self.difference > 0 else "worse") if clear else ""
        sign = element("b" if clear else "span", with_sign(self.difference), class_=kind)
        cells: list[Cell] = [sign, between(self.ci95), p_value(self.p_holm)]
        return Row(label, self.difference, self.ci95, cells, self.dots, self.rings, None, clear)


def _condition(d: Either) -> Cell:
    return element("b", OVERALL) if d.condition == OVERALL else d.condition


def _best(found: Sequence[Either]) -> str:
    """Who is ahead of most others over all shifts."""
    ahead: dict[str, float] = {}
    for d in [d for d in found if d.condition == OVERALL] or found:
        for name, difference in ((d.a, d.difference), (d.b, -d.difference)):
            ahead[name] = ahead.get(name, 0.0) + np.nan_to_num(difference)
    return max(ahead, key=lambda name: ahead[name])


def _pairs(found: Sequence[Either]) -> list[Markup]:
    """A sentence for each pair of methods, where there are several."""
    told = verdicts([d for d in found if isinstance(d, MethodDifference)])
    if len(told) < 2:
        return []
    sentences = element("div", *(element("p", f"{sentence}.") for sentence in told))
    return [folded(f"All {len(told)} pairs", sentences, len(told), 1)]


def _dots(
    d: MethodDifference, methods: Mapping[str, MethodSummary]
) -> tuple[Sequence[float], Sequence[float]]:
    """Of pairs their differences; else each seed against the mean of the other method."""
    a, b = (_by_seed(methods[name], d.condition) for name in (d.a, d.b))
    if a is None or b is None:
        return (), ()
    if d.paired:
        seeds = [tuple(sorted(own.items())) for own in methods[d.b].training_seeds]
        of_b = dict(zip(seeds, b.tolist(), strict=True))
        own = [tuple(sorted(seed.items())) for seed in methods[d.a].training_seeds]
        return [x - of_b[seed] for x, seed in zip(a.tolist(), own, strict=True)], ()
    return (a - b.mean()).tolist(), (a.mean() - b).tolist()


def _by_seed(method: MethodSummary, condition: str) -> Array | None:
    """Mean return of each training seed; over all shifts the mean of the shifted conditions."""
    of = [
        c.by_seed
        for c in method.conditions
        if c.condition == condition or (condition == OVERALL and c.condition != CLEAN)
    ]
    return np.array(of).mean(0) if of else None


def _of_conditions(comparison: Comparison) -> list[Markup]:
    """What there is to see of subjects that are not compared: returns by condition."""
    compared = subjects(comparison)
    names = dict.fromkeys(name for s in compared for name in s.points)
    rows = [
        _of_point(s, s.points[n], len(compared)) for n in names for s in compared if n in s.points
    ]
    shown = (
        [rows[0], *sorted(rows[1:], key=lambda row: row.value)[: MOST - 1]]
        if len(rows) > MOST
        else rows
    )
    lines = [(value, name) for name, value in comparison.summaries[0].references.items()]
    heads = ["shift", "return", "95 % interval", "of expert"]
    plot = dot_plot("Mean return by condition", heads, shown, lines)
    left = f" The {MOST - 1} lowest of {len(rows)} beside the first." if len(rows) > MOST else ""
    return [plot, element("p", ONE + left, class_="note under")]


def _of_point(subject: Subject, p: Point, many: int) -> Row:
    name: Cell = p.condition
    if many > 1:
        name = Markup(
            element("span", p.condition).text + " " + named(subject.index, subject.name).text
        )
    cells = [number(p.mean), between(p.ci95), share(p.of_expert)]
    return Row(name, p.mean, p.ci95, cells, p.by_seed, (), subject.index)


METHODS = (
    "Bars are 95 % intervals over training seeds, of each comparison alone, in full colour, and "
    "the difference bold, where the corrected p value is below 0.05. Dots: each pair of training "
    "seeds; where seeds are not shared, each seed of the first method (filled) and of the second "
    "(ring) against the mean of the other."
)
RUNS = (
    "Bars are 95 % intervals over episodes of these very runs, of each comparison alone, in full "
    "colour, and the difference bold, where the corrected p value is below 0.05. They say nothing "
    "of methods, which takes more training seeds."
)
ONE = (
    "Bars are 95 % intervals: over training seeds, each a dot, or else over episodes of one policy."
)
