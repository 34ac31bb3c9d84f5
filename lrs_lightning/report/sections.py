"""The parts of the report, in the order in which a reader asks."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from lrs_lightning.report import plots
from lrs_lightning.report.html import (
    Cell,
    Markup,
    bar,
    dot,
    element,
    escape,
    figure,
    folded,
    section,
    table,
)
from lrs_lightning.report.plots.heat_map import MEANING, default_value
from lrs_lightning.report.plots.style import NAMES, heat
from lrs_lightning.report.runs import Comparison
from lrs_lightning.report.svg import inline
from lrs_lightning.report.table import between, number, share
from lrs_lightning.statistics.comparison import OVERALL, mean_ranks
from lrs_lightning.statistics.condition_summary import ConditionSummary
from lrs_lightning.statistics.returns import CLEAN
from lrs_lightning.statistics.summary import Summary

FILM_BYTES = 24_000_000  # a page above this opens slowly everywhere
LONG = 30  # rows of a table beyond which it is folded away
Part = Markup | None


def cards(comparison: Comparison) -> Part:
    """What most readers want to know, for each policy."""
    found = [_card(s, i) for i, s in enumerate(comparison.summaries)]
    kind = "cards" if len(found) > 1 else "cards single"
    shared, played = len(comparison.shared.conditions), len(comparison.returns.conditions)
    note = (
        f"Totals, profiles and ranks are over the {shared} of {played} conditions that all played."
    )
    return Markup(
        element("div", *found, class_=kind).text
        + (element("p", note, class_="note under").text if shared < played else "")
    )


def headline(comparison: Comparison) -> Part:
    """Return, interval and shares of every condition."""
    several = len(comparison.summaries) > 1
    rows, seen = [], set[str]()
    names = dict.fromkeys(c["condition"] for s in comparison.summaries for c in s.conditions)
    failed = any(s.failed for s in comparison.summaries)
    for name in names:
        for i, summary in enumerate(comparison.summaries):
            condition = _find(summary, name)
            if condition is not None:
                who = [Markup(dot(i).text + escape(summary.name))] if several else []
                shown = element("span", name, class_="again") if name in seen else name
                rows.append([shown, *who, *_numbers(condition, failed)])
                seen.add(name)
    head = ["shift", *(["policy"] if several else []), "return", "95 % interval", "of expert"]
    head += ["of own clean", "episodes", *(["failed"] if failed else [])]
    whole = table(head, rows, 2 if several else 1, "" if several else "striped")
    label = f"All {len(names)} conditions"
    return section("Every condition", folded(label, whole, len(rows), LONG), note=_HEADLINE)


def curves(comparison: Comparison) -> Part:
    """Figures of returns: by condition, and over severity where there is a curve."""
    points = figure(inline(plots.conditions(comparison.summaries), "return by condition"))
    drawn = [folded("By condition", points, len(comparison.returns.conditions), LONG // 2)]
    if any(summary.severity_auc for summary in comparison.summaries):
        picture = plots.severity_curves(comparison.summaries)
        drawn.append(figure(inline(picture, "return over severity"), _CURVES))
        drawn.append(_areas(comparison.summaries))
    return section("Returns", *drawn, note=_RETURNS)


def heat_maps(comparison: Comparison) -> Part:
    """Shift by severity, one map for each policy."""
    if all(len(summary.conditions) < 2 for summary in comparison.summaries):
        return None
    maps = [
        figure(inline(plots.heat_map(summary), f"heat map of {summary.name}"))
        for summary in comparison.summaries
    ]
    meanings = {MEANING[default_value(summary)] for summary in comparison.summaries}
    return section(
        "Heat maps",
        element("div", *maps, class_="row"),
        note=f"Each cell is the {' or '.join(sorted(meanings))}.",
    )


def profiles(comparison: Comparison) -> Part:
    """Share of episodes above each return."""
    if not comparison.shared.conditions:
        return None
    picture = plots.profiles(comparison.shared, comparison.summaries[0].references)
    return section(
        "Performance profiles", figure(inline(picture, "performance profiles")), note=_PROFILES
    )


def ranks(comparison: Comparison) -> Part:
    """Who is best under which shift."""
    shared = comparison.shared
    if len(comparison.summaries) < 2 or not shared.conditions:
        return None
    found = mean_ranks(shared)  # (P, C)
    shifted = [c.name != CLEAN for c in shared.conditions]
    order = [shared.policies.index(s.name) for s in comparison.summaries]
    head = [c.name for c in shared.conditions]
    rows: list[list[Cell]] = []
    for i, (summary, p) in enumerate(zip(comparison.summaries, order, strict=True)):
        known = found[p][np.isfinite(found[p]) & shifted]
        name = Markup(dot(i).text + escape(summary.name))
        mean = f"{known.mean():.2f}" if known.size else None
        rows.append([name, mean, *(_rank(r, len(order)) for r in found[p])])
    return section("Ranks", table(["policy", "mean over shifts", *head], rows), note=_RANKS)


def differences(comparison: Comparison) -> Part:
    """Paired differences of all pairs of policies."""
    if not comparison.differences:
        return None
    rows: list[list[Cell]] = []
    for d in comparison.differences:
        low, high = d.ci95
        clear = "better" if low > 0 else "worse" if high < 0 else ""
        sign = element("b", f"{d.difference:+,.1f}", class_=clear)
        chance = [share(_known(d.improvement)), between_shares(d.improvement_ci95)]
        name: Cell = element("b", OVERALL) if d.condition == OVERALL else d.condition
        interval = between([_known(low), _known(high)])
        rows.append([name, f"{d.a} - {d.b}", sign, interval, *chance, d.episodes])
    head = ["shift", "policies", "difference", "95 % interval", "chance to be better"]
    head += ["95 % interval", "pairs"]
    whole = table(head, rows, 2, "striped")
    label = f"All {len(rows)} differences"
    overall = [
        row for row, d in zip(rows, comparison.differences, strict=True) if d.condition == OVERALL
    ]
    short = [] if len(rows) <= LONG or not overall else [table(head, overall, 2, "striped")]
    return section(
        "Paired differences", *short, folded(label, whole, len(rows), LONG), note=_DIFFERENCES
    )


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
                if key != "name" and value is not None
            ]
        whole = table(["", ""], rows, 2, "facts")
        blocks.append(element("details", element("summary", run.name), whole, open="open"))
    return section("Provenance", *blocks)


def _card(summary: Summary, index: int) -> Markup:
    clean = _find(summary, CLEAN)
    lines = [("clean return", number(None), between([None, None]))]
    if clean:
        lines = [("clean return", number(clean["return_mean"]), between(_ends(clean)))]
    if clean and clean["expert_normalized"] is not None:
        lines.append(("of the expert, clean", share(clean["expert_normalized"]), ""))
    if summary.aggregate:
        ends = between_shares(summary.aggregate["iqm_ci95"])
        lines.append(("IQM over all shifts", share(summary.aggregate["iqm"]), ends))
        gap = summary.aggregate["optimality_gap"], summary.aggregate["optimality_gap_ci95"]
        lines.append(("optimality gap", share(gap[0]), between_shares(gap[1])))
    shifted = [c for c in summary.conditions if c["retention"] is not None]
    if len(shifted) > 1:
        worst = min(shifted, key=lambda c: c["retention"] or 0.0)
        kept = f"{share(worst['retention'])} of its clean return"
        lines.append(("hardest shift", worst["condition"], kept))
    facts = [
        element("div", element("dt", name), element("dd", value, element("small", note)))
        for name, value, note in lines
    ]
    head = element("h3", dot(index), summary.name)
    return element("article", head, element("p", _what(summary)), element("dl", *facts))


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
        condition["episodes"],
    ]
    return [*numbers, condition["failed"] or None] if failed else numbers


def _areas(summaries: Sequence[Summary]) -> Markup:
    shifts = dict.fromkeys(shift for s in summaries for shift in s.severity_auc)
    key = "expert_normalized"
    if any(area[key] is None for s in summaries for area in s.severity_auc.values()):
        key = "return_mean"
    rows = []
    for shift in shifts:
        heights = [s.severity_auc.get(shift, {}).get(key) for s in summaries]
        rows.append([shift, *(bar(h) if key != "return_mean" else number(h) for h in heights)])
    head = [Markup(dot(i).text + escape(s.name)) for i, s in enumerate(summaries)]
    caption = element("h3", "Area under the severity curve")
    return element("div", caption, table(["shift", *head], rows, class_="striped"))


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


def between_shares(ends: Sequence[float | None]) -> str:
    """An interval of shares."""
    low, high = (None if end is None else _known(end) for end in ends)
    return "" if low is None or high is None else f"{low:.2f} to {high:.2f}"


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _fact(key: str, value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items())
    if key == "seeds" and isinstance(value, list) and len(value) > 1:
        return f"{value[0]} to {value[-1]} ({len(value)})"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


_HEADLINE = (
    "Mean return with its 95 % interval. Of expert: 0 is a random policy, 1 the expert in the "
    "clean world. Of own clean: the share of the policy's own clean return that is left."
)
_RETURNS = "Points are means, lines and bands 95 % intervals; dotted: expert and random policy."
_CURVES = "Severity 0 is the clean world."
_PROFILES = "Share of all shifted episodes that earn more than the value below; bands hold 95 %."
_RANKS = "By mean return, 1 is the best; equal returns share a rank."
_DIFFERENCES = (
    "The same seed starts the same episode for both, so the luck of the start cancels out. "
    "Coloured where the interval leaves out zero."
)
