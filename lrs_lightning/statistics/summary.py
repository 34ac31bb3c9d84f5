"""`summary.json`: what a policy earned in each condition, beside an expert and a random policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from lrs_lightning.errors import ArgumentError
from lrs_lightning.statistics import estimates
from lrs_lightning.statistics.bootstrap import interval
from lrs_lightning.statistics.comparison import compare, plain
from lrs_lightning.statistics.condition_summary import (
    ConditionSummary,
    distinct,
    summarize_condition,
    unchanged,
    yardstick,
)
from lrs_lightning.statistics.estimates import Array
from lrs_lightning.statistics.headline import headline
from lrs_lightning.statistics.method_comparison import compare_methods
from lrs_lightning.statistics.method_summary import summarize_method
from lrs_lightning.statistics.methods import group
from lrs_lightning.statistics.result_line import SCHEMA, Row
from lrs_lightning.statistics.results import latest
from lrs_lightning.statistics.returns import (
    CLEAN,
    Column,
    Returns,
    column_of,
    different_labels,
    finite,
)
from lrs_lightning.statistics.scale import Scale
from lrs_lightning.statistics.summary_file import read_content, write_content
from lrs_lightning.statistics.within_run import mean_of_clusters, mean_of_conditions

AGGREGATES: dict[str, estimates.Statistic] = {
    "iqm": estimates.iqm,
    "mean": estimates.mean,
    "median": estimates.median,
    "optimality_gap": estimates.optimality_gap,
}
_OF_SEVERAL = ("others", "differences", "methods", "method_differences")


@dataclass(frozen=True)
class Summary:
    """One policy under a suite; the attributes are the keys of `summary.json`.

    Args:
        env: environment id.
        policy: what was played: `name`, and for our own policies `cell`, `hidden_size`, `rank`,
            ..., and `seeds` and `configuration` of its training.
        references: mean clean return of the `expert` and of a `random` policy, where known.
        conditions: what was earned in each, the clean one first.
        headline: mean over shifts and the worst shift, over episodes of this very run; see
            `headline.Headline`. Empty where nothing was shifted.
        aggregate: over all shifted conditions, expert-normalised: `iqm`, `mean`, `median`,
            `optimality_gap` and their `..._ci95`; empty without references.
        severity_auc: for each shift played at two or more severities, the mean height of its curve
            from severity 0 on: `severities`, `return_mean`, `expert_normalized`.
        provenance: versions, commit, device, seeds, date.
        others: the policies it was compared with.
        differences: paired differences between them, which hold of these runs alone.
        methods: where some policies are training seeds of one method, each method over its seeds;
            see `method_summary.MethodSummary`.
        method_differences: differences between methods of several seeds.
    """

    env: str
    policy: dict[str, Any]
    references: dict[str, float]
    conditions: list[ConditionSummary]
    headline: dict[str, Any] = field(default_factory=dict)
    aggregate: dict[str, Any] = field(default_factory=dict)
    severity_auc: dict[str, dict[str, Any]] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    others: list[Summary] = field(default_factory=list)
    differences: list[dict[str, Any]] = field(default_factory=list)
    methods: list[dict[str, Any]] = field(default_factory=list)
    method_differences: list[dict[str, Any]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Name of the policy."""
        return str(self.policy.get("name", "policy"))

    @property
    def all(self) -> list[Summary]:
        """Itself, and the policies it was compared with."""
        alone = replace(self, others=[], differences=[], methods=[], method_differences=[])
        return [alone, *self.others]

    def named(self, name: str) -> Summary:
        """The same of a policy that is called otherwise."""
        return replace(self, policy={**self.policy, "name": name})

    @property
    def failed(self) -> int:
        """Episodes that ended in an error."""
        return sum(int(condition["failed"]) for condition in self.conditions)

    def to_dict(self) -> dict[str, Any]:
        """The content of `summary.json`; what is of several policies only where there are some."""
        content = {"schema": SCHEMA, **vars(self)}
        content["others"] = [other.to_dict() for other in self.others]
        return {k: v for k, v in content.items() if v or k not in _OF_SEVERAL}

    def write(self, path: str | Path) -> Path:
        """Write `summary.json` whole or not at all; a folder gets that name added."""
        return write_content(path, self.to_dict())

    @classmethod
    def read(cls, path: str | Path) -> Summary:
        """Read what `write` wrote.

        Raises:
            DataError: the file is missing, damaged, altered, or of another schema or shape.
        """
        return cls._from_dict(read_content(path, SCHEMA))

    @classmethod
    def _from_dict(cls, content: dict[str, Any]) -> Summary:
        known = {k: content[k] for k in cls.__dataclass_fields__ if k in content}
        return cls(**known | {"others": [cls._from_dict(o) for o in content.get("others", [])]})


def summarize(
    rows: Iterable[Row],
    references: Mapping[str, float | None] | None = None,
    policy: Mapping[str, Any] | None = None,
    provenance: Mapping[str, Any] | None = None,
    aggregate: bool = True,
) -> Summary:
    """Summarise the episodes of one policy.

    Args:
        rows: lines of `results.jsonl`, of one policy in one environment (and at one training step).
        references: `{"expert": mean return, "random": mean return}`; either may be missing.
        policy: what describes the policy; `name` is added.
        provenance: of these rows.
        aggregate: whether `aggregate` is found too, whose intervals take most of the time.

    Raises:
        ArgumentError: no rows, or rows of several policies or environments.
    """
    rows = latest(rows)
    names, envs = ({row[key] for row in rows} for key in ("policy", "env"))
    if len(names) != 1 or len(envs) != 1:
        raise ArgumentError(
            f"a summary is of one policy in one environment, got {len(rows)} episodes of policies "
            f"{sorted(names)} in {sorted(envs)}: select the rows first"
        )
    known = {k: float(v) for k, v in (references or {}).items() if v is not None}
    returns, scale = Returns.from_rows(rows), Scale.of(known)
    clean = _clean(returns, known)
    played: dict[Column, list[Row]] = {}
    for row in rows:
        played.setdefault(column_of(row), []).append(row)
    return Summary(
        env=envs.pop(),
        policy={"name": names.pop(), **(policy or {})},
        references=known,
        conditions=_conditions(returns, clean, played, known),
        headline=plain(_headline(returns.shifted(), scale)),
        aggregate=plain(_aggregate(returns.shifted(), scale)) if aggregate else {},
        severity_auc=plain(_severity_auc(returns, scale)),
        provenance=dict(provenance or {}),
    )


def summarize_each(
    rows: Sequence[Row],
    references: Mapping[str, float | None] | None = None,
    about: Mapping[str, Mapping[str, Any]] | None = None,
    provenance: Mapping[str, Any] | None = None,
    aggregate: bool = True,
) -> list[Summary]:
    """A summary of each policy, in the order in which they first appear.

    Args:
        rows: lines of `results.jsonl` of one environment.
        references: as `summarize` takes them.
        about: policy name -> what describes it.
        provenance: of these rows.
        aggregate: as `summarize` takes it.
    """
    by_policy: dict[str, list[Row]] = {}
    for row in rows:
        by_policy.setdefault(row["policy"], []).append(row)
    return [
        summarize(own, references, (about or {}).get(name), provenance, aggregate)
        for name, own in by_policy.items()
    ]


def summarize_all(
    rows: Sequence[Row],
    references: Mapping[str, float | None] | None = None,
    about: Mapping[str, Mapping[str, Any]] | None = None,
    provenance: Mapping[str, Any] | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
) -> Summary:
    """The summary of the first policy, with the `others` and what compares them all.

    The arguments are those of `summarize_each`, and:

    Args:
        rows: see there.
        references: see there.
        about: see there.
        provenance: see there.
        groups: method -> its policies; the others are grouped by configuration, see
            `methods.group`.

    Raises:
        ArgumentError: no rows, rows of several environments, or groups that cannot be.
    """
    first, *others = summarize_each(rows, references, about, provenance) or [summarize(rows)]
    if not others:
        return first
    returns = Returns.from_rows(rows)
    methods, _ = group({one.name: one.policy for one in (first, *others)}, groups)
    several = any(len(method.policies) > 1 for method in methods)
    known = first.references
    return replace(
        first,
        others=others,
        differences=[difference.to_dict() for difference in compare(returns)],
        methods=[summarize_method(m, returns, known).to_dict() for m in methods] if several else [],
        method_differences=[d.to_dict() for d in compare_methods(methods, returns)],
    )


def _conditions(
    returns: Returns,
    clean: Array | None,
    played: Mapping[Column, Sequence[Row]],
    references: Mapping[str, float],
) -> list[ConditionSummary]:
    found = []
    in_clean = next((rows for column, rows in played.items() if column.name == CLEAN), ())
    for column, values, outcomes in zip(
        returns.conditions, returns.values[0], returns.outcomes[0], strict=True
    ):
        rows = played[column]
        one = summarize_condition(column, values, outcomes, clean, rows, references)
        if column.name != CLEAN and unchanged(rows, in_clean):
            one["unchanged"] = True
        found.append(one)
    return found


def _clean(returns: Returns, references: Mapping[str, float]) -> Array | None:
    if returns.conditions[0].name != CLEAN:
        return None
    return yardstick(returns.values[0, 0], returns.outcomes[0, 0], references)


def _headline(shifted: Returns, scale: Scale | None) -> Mapping[str, Any]:
    have = np.isfinite(shifted.values[0])
    if not have.any(-1).all():
        return {}
    clusters = different_labels(shifted.outcomes[0], have)
    each = mean_of_clusters(shifted.values[0], have, shifted.outcomes[0], clusters)
    overall = mean_of_conditions(each, np.ones(len(clusters), bool)) if len(clusters) else each
    return headline([c.name for c in shifted.conditions], each, overall, scale)


def _aggregate(shifted: Returns, scale: Scale | None) -> dict[str, Any]:
    pairs = zip(shifted.values[0], shifted.outcomes[0], strict=True)
    strata = [(finite(x), distinct(x, outcomes)) for x, outcomes in pairs if finite(x).size]
    if scale is None or not strata:
        return {}
    pooled = scale.normalized(np.concatenate([played for played, _ in strata]))
    differ = [scale.normalized(x) for _, (x, _) in strata]
    often = [times for _, (_, times) in strata]
    found: dict[str, Any] = {"episodes": pooled.size, "conditions": len(strata)}
    for name, statistic in AGGREGATES.items():
        found[name] = float(statistic(pooled, np.ones(pooled.size)))
        found[f"{name}_ci95"] = interval(differ, statistic, repeats=often)
    return found


def _severity_auc(returns: Returns, scale: Scale | None) -> dict[str, dict[str, Any]]:
    found = {}
    means = {c: finite(v) for c, v in zip(returns.conditions, returns.values[0], strict=True)}
    for shift in dict.fromkeys(c.shift for c in returns.shifted().conditions):
        curve = severity_curve(list(means), shift)
        if len(curve) < 3 or not all(means[c].size for c in curve):
            continue
        severities = [c.severity for c in curve]
        height = float(estimates.severity_auc(severities, [means[c].mean() for c in curve]))
        found[shift] = {
            "severities": severities,
            "return_mean": height,
            "expert_normalized": scale.share(height) if scale else np.nan,
        }
    return found


def severity_curve(conditions: Iterable[Column], shift: str) -> list[Column]:
    """The clean condition and the plain severities of a shift, ascending."""
    points = {
        c.severity: c
        for c in conditions
        if c.name == CLEAN or (c.shift == shift and c.name == f"{shift}@{c.severity}")
    }
    return [points[s] for s in sorted(points)]
