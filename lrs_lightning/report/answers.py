"""The sentence that a report begins with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lrs_lightning.report.runs import Comparison
from lrs_lightning.report.wording import (
    headline_sentence,
    method_sentence,
    number,
    several,
    share,
    verdicts,
)
from lrs_lightning.statistics.comparison import OVERALL
from lrs_lightning.statistics.method_comparison import LEVEL
from lrs_lightning.statistics.methods import ONE_SEED
from lrs_lightning.statistics.returns import CLEAN


def answer_of_methods(comparison: Comparison) -> str:
    """The sentence that a study of methods comes to."""
    told = verdicts(comparison.method_differences)
    if len(told) == 1:
        return f"{told[0]}."
    overall = [d for d in comparison.method_differences if d.condition == OVERALL]
    clear = [d for d in overall if d.clear]
    best = _best([method.to_dict() for method in comparison.methods if len(method.policies) > 1])
    if not overall:
        differ = sum(d.clear for d in comparison.method_differences)
        return f"{differ} of {len(comparison.method_differences)} comparisons of methods are clear."
    above = sum(best == (d.a if d.difference > 0 else d.b) for d in clear)
    others = len({name for d in overall for name in (d.a, d.b)}) - 1
    return (
        f"{best} earns most over all shifts, clearly more than {above} of {others} other methods; "
        f"{len(clear)} of {several(len(overall), 'pair')} of methods differ clearly."
    )


def answer_of_runs(comparison: Comparison) -> str:
    """The sentence that single runs come to, which says nothing of methods."""
    best = _best([{"name": s.name, "headline": s.headline} for s in comparison.summaries])
    overall = [d for d in comparison.differences if d.condition == OVERALL]
    chosen = overall or comparison.differences
    clear = [d for d in chosen if d.p_holm < LEVEL]
    where = "over all shifts" if overall else "in these conditions"
    what = f"{len(clear)} of {several(len(chosen), 'comparison')} {where} are clear"
    if len(chosen) == 1:
        what = f"the difference {where} is {'clear' if clear else 'not clear'}"
    first = f"Of these very runs {best} earns most over all shifts; " if best else ""
    return f"{first}{what}; {ONE_SEED}."


def answer_of_one(comparison: Comparison) -> str:
    """The sentence of what is compared with nothing but the expert."""
    methods = [m.to_dict() for m in comparison.methods if len(m.policies) > 1]
    if methods:
        return "; ".join(method_sentence(method) for method in methods) + "."
    summary = comparison.summaries[0]
    clean = next((c for c in summary.conditions if c["condition"] == CLEAN), None)
    parts = []
    if clean is not None and clean["return_mean"] is not None:
        of_expert = clean["expert_normalized"]
        of = "" if of_expert is None else f", {share(of_expert)} of the expert"
        parts.append(f"clean {number(clean['return_mean'])}{of}")
    told = headline_sentence(summary.headline)
    whole = "; ".join([*parts, *([told] if told else [])]) or "no episode counts"
    return f"{summary.name}: {whole}."


def _best(entries: Sequence[Mapping[str, Any]]) -> str:
    """Who has the highest mean over shifts; empty where that is known of nobody."""
    known = [(e["headline"].get("mean_over_shifts"), e["name"]) for e in entries if e["headline"]]
    values = [(value, name) for value, name in known if value is not None]
    return str(max(values, key=lambda pair: pair[0])[1]) if values else ""
