"""The parts of the report, in the order in which a reader asks."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from lrs_lightning.report.html import (
    Cell,
    Markup,
    bar,
    element,
    escape,
    folded,
    named,
    section,
    table,
)
from lrs_lightning.report.palette import NAMES, heat
from lrs_lightning.report.runs import Comparison
from lrs_lightning.report.subjects import places
from lrs_lightning.report.wording import (
    between,
    between_shares,
    caveats,
    chance,
    counted,
    how_many,
    number,
    overall_first,
    p_value,
    share,
    with_other_seeds,
    with_sign,
)
from lrs_lightning.report.wording import (
    headline as headline_of,
)
from lrs_lightning.statistics.backends import mixed_backends
from lrs_lightning.statistics.comparison import OVERALL, mean_ranks
from lrs_lightning.statistics.condition_summary import ConditionSummary
from lrs_lightning.statistics.method_comparison import LEVEL
from lrs_lightning.statistics.returns import CLEAN
from lrs_lightning.statistics.summary import Summary

FILM_BYTES = 24_000_000  # a page above this opens slowly everywhere
LONG = 30  # rows of a table beyond which it is folded away
LONGEST = 600  # rows beyond which the page has the first ones, and the CSV all of them
MANY = 6  # policies beyond which their cards are folded away
Part = Markup | None


def cards(comparison: Comparison) -> Part:
    """What most readers want to know, for each policy."""
    place = places(comparison)
    told = with_other_seeds(method.policies for method in comparison.methods)
    found = [_card(s, place[s.name], s.name in told) for s in comparison.summaries]
    kind = "cards" if len(found) > 1 else "cards single"
    shared, played = len(comparison.shared.conditions), len(comparison.returns.conditions)
    note = (
        f"Totals, profiles and ranks are over the {shared} of {played} conditions that all played."
    )
    said = element("p", note, class_="note under").text if shared < played else ""
    whole = Markup(element("div", *found, class_=kind).text + said)
    label = f"All {len(found)} policies"
    return section("Each policy", folded(label, whole, len(found), MANY))


def headline(comparison: Comparison) -> Part:
    """Return, interval and shares of every condition."""
    several = len(comparison.summaries) > 1
    rows: list[list[Cell]] = []
    names = dict.fromkeys(c["condition"] for s in comparison.summaries for c in s.conditions)
    place = places(comparison)
    failed = any(s.failed for s in comparison.summaries)
    for name in names:
        for summary in comparison.summaries:
            condition = _find(summary, name)
            if condition is not None:
                who = [named(place[summary.name], summary.name)] if several else []
                rows.append([name, *who, *_numbers(condition, failed)])
    head = ["shift", *(["policy"] if several else []), "return", "95 % interval", "of expert"]
    head += ["of own clean", "episodes", *(["failed"] if failed else [])]
    whole = long_table(head, rows, 2 if several else 1)
    label = f"All {len(names)} conditions"
    return section("Every condition", folded(label, whole, len(rows), LONG), note=_HEADLINE)


def long_table(head: Sequence[Cell], rows: Sequence[Sequence[Cell]], text_columns: int) -> Markup:
    """A table that its reader sorts and filters; of a very long one the first rows."""
    whole = table(head, rows[:LONGEST], text_columns, "striped sortable")
    if len(rows) <= LONGEST:
        return whole
    told = f"The first {LONGEST} of {len(rows):,} rows; the CSV below has all of them."
    return Markup(whole.text + element("p", told, class_="note under").text)


def ranks(comparison: Comparison) -> Part:
    """Who is best under which shift."""
    shared = comparison.shared
    if len(comparison.summaries) < 2 or not shared.conditions:
        return None
    found = mean_ranks(shared)  # (P, C)
    shifted = [c.name != CLEAN for c in shared.conditions]
    place = places(comparison)
    order = [shared.policies.index(s.name) for s in comparison.summaries]
    head = [c.name for c in shared.conditions]
    rows: list[list[Cell]] = []
    for summary, p in zip(comparison.summaries, order, strict=True):
        known = found[p][np.isfinite(found[p]) & shifted]
        name = named(place[summary.name], summary.name)
        mean = f"{known.mean():.2f}" if known.size else None
        rows.append([name, mean, *(_rank(r, len(order)) for r in found[p])])
    whole = table(["policy", "mean over shifts", *head], rows, class_="sortable")
    return section("Ranks", folded(f"All {len(rows)} ranks", whole, len(rows), MANY), note=_RANKS)


def differences(comparison: Comparison) -> Part:
    """Paired differences of all pairs of policies."""
    if not comparison.differences:
        return None
    ordered = sorted(comparison.differences, key=lambda d: overall_first(d.condition))
    rows: list[list[Cell]] = []
    for d in ordered:
        chances = [chance(d.improvement), between_shares(d.improvement_ci95)]
        name: Cell = element("b", OVERALL) if d.condition == OVERALL else d.condition
        sign = signed(d.difference, d.p_holm < LEVEL)
        rows.append([name, f"{d.a} - {d.b}", sign, between(d.ci95), p_value(d.p_holm), *chances])
        rows[-1].append(counted(d.episodes, d.outcomes))
    head = ["shift", "policies", "difference", "95 % interval", "p (Holm)", "chance to be better"]
    head += ["95 % interval", "pairs"]
    whole = long_table(head, rows, 2)
    label = f"All {len(rows)} differences"
    overall = [row for row, d in zip(rows, ordered, strict=True) if d.condition == OVERALL]
    short = [] if len(rows) <= LONG or not overall else [table(head, overall, 2, "striped")]
    size = element("p", f"{how_many(len(rows))}.", class_="note")
    folded_away = folded(label, whole, len(rows), LONG)
    return section("Paired differences", size, *short, folded_away, note=_DIFFERENCES)


def signed(difference: float, clear: bool) -> Markup:
    """A difference with its sign, coloured where it is clear."""
    kind = ("better" if difference > 0 else "worse") if clear else ""
    return element("b", with_sign(difference), class_=kind)


def films(comparison: Comparison) -> Part:
    """The GIFs of the run folders, as long as they fit."""
    shown, left_out, total = [], [], 0
    for run in comparison.runs:
        for path in run.films:
            data = path.read_bytes()
            name = f"{run.name}: {path.relative_to(run.folder)}"
            if total + len(data) > FILM_BYTES:
                left_out.append(name)
                continue
            total += len(data)
            source = f"data:image/gif;base64,{base64.b64encode(data).decode()}"
            shown.append(
                element(
                    "figure",
                    Markup(f'<img src="{source}" alt="{escape(name)}" loading="lazy">'),
                    element("figcaption", name),
                )
            )
    if not shown and not left_out:
        return None
    note = f"Left out, since the page would grow too large: {', '.join(left_out)}."
    return section("Episodes", element("div", *shown, class_="row"), note=note if left_out else "")


def provenance(comparison: Comparison) -> Part:
    """Where the numbers come from."""
    blocks = []
    for run in comparison.runs:
        facts = {
            "folder": run.folder.name,
            **{k: v for s in run.summaries[:1] for k, v in s.provenance.items()},
        }
        rows = [[key, _fact(key, value)] for key, value in facts.items()]
        for summary in run.summaries:
            rows += [
                [f"{summary.name}: {key}", _fact(key, value)]
                for key, value in summary.policy.items()
                if key not in ("name", "configuration") and value is not None
            ]
        whole = table(["", ""], rows, 2, "facts")
        blocks.append(element("details", element("summary", run.name), whole))
    mixed = mixed_backends(comparison.rows)
    note = "" if mixed is None else f"{mixed[0].upper()}{mixed[1:]}."
    return section("Provenance", *blocks, note=note)


def _card(summary: Summary, index: int, other_seeds: bool) -> Markup:
    clean = _find(summary, CLEAN)
    lines = [("clean return", number(None), between([None, None]))]
    if clean:
        lines = [("clean return", number(clean["return_mean"]), between(_ends(clean)))]
    if clean and clean["expert_normalized"] is not None:
        lines.append(("of the expert, clean", share(clean["expert_normalized"]), ""))
    shown = headline_of(summary.headline)
    if shown is not None:
        (mean, mean_ends), (worst, worst_ends) = shown
        of = "" if summary.headline["unit"] == "return" else ", of the expert"
        lines.insert(0, (f"mean over shifts{of}", mean, mean_ends))
        where = f"{summary.headline['worst_shift']}, {worst_ends}".removesuffix(", ")
        lines.insert(1, (f"worst shift{of}", worst, where))
    facts = [
        element("div", element("dt", name), element("dd", value, element("small", note)))
        for name, value, note in lines
    ]
    head = element("h3", named(index, summary.name))
    said = caveats(summary, other_seeds)
    notes = [element("p", f"{note}.", class_="note under") for note in said]
    return element("article", head, element("p", _what(summary)), element("dl", *facts), *notes)


def _what(summary: Summary) -> str:
    p = summary.policy
    if "cell" not in p:
        return str(p.get("algorithm") or p.get("kind") or "policy")
    rank = "dense" if p.get("rank") is None else f"rank {p['rank']}"
    parts = [str(p["cell"]).upper(), f"H = {p.get('hidden_size')}", rank]
    parts.append(f"sparsity {p.get('sparsity')}")
    if p.get("parameters"):
        parts.append(f"{p['parameters']:,} parameters")
    return ", ".join(parts)


def _numbers(condition: ConditionSummary, failed: bool) -> list[Cell]:
    numbers: list[Cell] = [
        number(condition["return_mean"]),
        between(condition["return_ci95"]),
        bar(condition["expert_normalized"]),
        bar(condition["retention"]),
        counted(condition["episodes"], condition.get("outcomes")),
    ]
    return [*numbers, condition["failed"] or None] if failed else numbers


def _rank(rank: float, policies: int) -> Markup | None:
    if not np.isfinite(rank):
        return None
    face, text = heat(1 - (rank - 1) / max(policies - 1, 1))
    style = f"background:var(--{NAMES[face]});color:var(--{NAMES[text]})"
    return Markup(f'<span class="rank" style="{style}">{rank:g}</span>')


def _find(summary: Summary, name: str) -> ConditionSummary | None:
    return next((c for c in summary.conditions if c["condition"] == name), None)


def _ends(condition: ConditionSummary) -> list[float | None]:
    return list(condition.get("return_ci95") or [None, None])


def _fact(key: str, value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items())
    if key == "seeds" and isinstance(value, list) and len(value) > 1:
        return f"{value[0]} to {value[-1]} ({len(value)})"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


_HEADLINE = (
    "Mean return with its 95 % interval over episodes of this very policy. Of expert: 0 is a "
    "random policy, 1 the expert in the clean world. Of own clean: the share that is left of the "
    "policy's own clean return, where that is half of the expert's or more."
)
_RANKS = "By mean return, 1 is the best; equal returns share a rank."
_DIFFERENCES = (
    "Of these very runs, on more episodes: the same seed starts the same episode for both, so the "
    "luck of the start cancels out. Nothing is said about methods, which takes more training "
    "seeds. Coloured where the corrected p value is below 0.05."
)
