"""Read run folders, and bring several of them together under names that differ."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from lrs_lightning.errors import ArgumentError, DataError, EnvironmentMismatchError
from lrs_lightning.statistics.backends import mixed_backends
from lrs_lightning.statistics.comparison import Difference, compare
from lrs_lightning.statistics.endings import Survival, survival
from lrs_lightning.statistics.method_comparison import MethodDifference, compare_methods
from lrs_lightning.statistics.method_summary import MethodSummary, summarize_method
from lrs_lightning.statistics.methods import Method, group
from lrs_lightning.statistics.result_line import Row
from lrs_lightning.statistics.results import condition_name, latest, read_results
from lrs_lightning.statistics.returns import CLEAN, Returns
from lrs_lightning.statistics.summary import Summary, summarize, summarize_each

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """A run folder.

    Args:
        folder: where it is.
        summaries: of its policies.
        rows: the episodes they are made of.
        films: its GIFs.
        path: as it was given.
        groups: method -> its policies, as the summary has them.
    """

    folder: Path
    summaries: list[Summary]
    rows: list[Row]
    films: list[Path]
    path: str = ""
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.folder.resolve().name


@dataclass(frozen=True)
class Comparison:
    """Everything that a report shows.

    Args:
        env: the task.
        summaries: of all policies, the order of all figures and tables.
        returns: their episodes.
        shared: those under conditions that every policy played, where totals are comparable.
        differences: of each pair of policies, which hold of these runs alone; none where methods
            are compared.
        methods: what each method earned over its training seeds.
        method_differences: of each pair of methods of several seeds.
        repeats: policy -> the one of the same training seeds that counts in its stead.
        survival: (policy or method, condition) -> how long its episodes stayed up, for the
            conditions in which any fell.
        rows: the episodes, under the names that policies have here.
        runs: where they come from.
    """

    env: str
    summaries: list[Summary]
    returns: Returns
    shared: Returns
    differences: list[Difference]
    runs: list[Run]
    methods: list[MethodSummary] = field(default_factory=list)
    method_differences: list[MethodDifference] = field(default_factory=list)
    repeats: dict[str, str] = field(default_factory=dict)
    survival: dict[tuple[str, str], Survival] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)


def read_run(path: str | Path) -> Run:
    """Read a run folder, or a results file alone.

    Of a policy that was evaluated at several training steps the last one counts. Without a
    `summary.json` (the evaluation was killed) the references are unknown.

    Raises:
        DataError: no results, or a damaged file.
    """
    path = Path(path)
    folder = path if path.is_dir() else path.parent
    rows = _last_step(latest(read_results(path)))
    if not rows:
        raise DataError(f"{path} holds no whole episode: evaluate first")
    known: dict[str, dict[str, Any]] = {}
    groups: dict[str, list[str]] = {}
    references: dict[str, float] = {}
    provenance: dict[str, Any] = {}
    if (folder / "summary.json").is_file():
        summary = Summary.read(folder)
        known = {one.name: one.policy for one in summary.all}
        groups = {m["name"]: m["policies"] for m in summary.methods if len(m["policies"]) > 1}
        references, provenance = summary.references, summary.provenance
    if len({row["env"] for row in rows}) > 1:
        raise EnvironmentMismatchError(
            f"{path} holds episodes of {sorted({row['env'] for row in rows})}: keep one task in a "
            "results file"
        )
    rows.sort(key=lambda row: row.get("condition") != CLEAN)
    order = {name: i for i, name in enumerate(known)}
    rows.sort(key=lambda row: order.get(row["policy"], len(order)))
    summaries = summarize_each(rows, references, known, provenance, aggregate=False)
    if not provenance:
        own = {one.name: [r for r in rows if r["policy"] == one.name] for one in summaries}
        summaries = [replace(one, provenance=_of_rows(own[one.name])) for one in summaries]
    return Run(folder, summaries, rows, _films(folder), str(path), groups)


def _films(folder: Path) -> list[Path]:
    """GIFs that lie in a run folder; a link could put any file of the reader's into the page."""
    inside = folder.resolve()
    return [
        path
        for path in sorted(folder.rglob("*.gif"))
        if path.is_file() and path.resolve() == inside / path.relative_to(folder) and _is_gif(path)
    ]


def _is_gif(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"GIF8"


def gather(runs: Sequence[Run], groups: Mapping[str, Sequence[str]] | None = None) -> Comparison:
    """Bring runs together; a policy is named after its run where that is enough.

    Args:
        runs: of one task.
        groups: method -> its runs, by their paths, or by the names that their policies have here.
            The others are grouped by configuration; a single run as its summary has it.

    Raises:
        ArgumentError: no run, or groups that cannot be.
        EnvironmentMismatchError: runs of different tasks.
    """
    if not runs:
        raise ArgumentError("report: give at least one run folder")
    envs = {run.name: run.summaries[0].env for run in runs}
    if len(set(envs.values())) > 1:
        listed = ", ".join(f"{name} ({env})" for name, env in envs.items())
        raise EnvironmentMismatchError(
            f"runs of different tasks cannot be compared: {listed}; give runs of one task"
        )
    names = _names(runs)
    summaries, rows = [], []
    for run, own in zip(runs, names, strict=True):
        for summary in run.summaries:
            name = own[summary.name]
            summaries.append(replace(summary, policy={**summary.policy, "name": name}))
        rows += [{**row, "policy": own[row["policy"]]} for row in run.rows]
    if (sentence := mixed_backends(rows)) is not None:
        _logger.warning(sentence)
    returns = Returns.from_rows(rows)
    shared = returns.select(_played_by_all(returns))
    if len(shared.conditions) < len(returns.conditions):
        summaries = [_over(summary, rows, shared) for summary in summaries]
    told = runs[0].groups if len(runs) == 1 else {}
    named = _policies_of(groups, runs, names) if groups else told
    methods, repeats = group({one.name: one.policy for one in summaries}, named)
    several = any(len(method.policies) > 1 for method in methods)
    references = summaries[0].references
    return Comparison(
        summaries[0].env,
        summaries,
        returns,
        shared,
        [] if several else compare(returns),
        list(runs),
        [summarize_method(method, shared, references) for method in methods],
        compare_methods(methods, returns),
        repeats,
        _survival(rows, methods if several else []),
        rows,
    )


def _survival(rows: Sequence[Row], methods: Sequence[Method]) -> dict[tuple[str, str], Survival]:
    """Curves of the conditions in which any fell; the seeds of a method are taken together."""
    method = {name: one.name for one in methods for name in one.policies}
    of: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row["status"] == "ok":
            name: str = method.get(row["policy"]) or row["policy"]
            of.setdefault((name, condition_name(row)), []).append(row)
    curves = {key: curve for key, own in of.items() if (curve := survival(own)) is not None}
    fallen = {condition for (_, condition), curve in curves.items() if len(curve.steps) > 1}
    return {key: curve for key, curve in curves.items() if key[1] in fallen}


def _policies_of(
    groups: Mapping[str, Sequence[str]], runs: Sequence[Run], names: Sequence[Mapping[str, str]]
) -> dict[str, list[str]]:
    """The same groups by names of policies in the report."""
    of_path: dict[str, list[str]] = {}
    for run, own in zip(runs, names, strict=True):
        of_path.setdefault(run.path, []).extend(own.values())
    return {
        title: [name for word in words for name in of_path.get(word, [word])]
        for title, words in groups.items()
    }


def _played_by_all(returns: Returns) -> list[bool]:
    """For each condition whether every policy has an episode that counts."""
    by_condition = np.moveaxis(returns.values, 1, 0)  # (C, P, E)
    return [bool(np.isfinite(values).any(-1).all()) for values in by_condition]


def _over(summary: Summary, rows: list[Row], shared: Returns) -> Summary:
    """The summary with its totals over the shared conditions alone."""
    names = {column.name for column in shared.conditions}
    own = [r for r in rows if r["policy"] == summary.name and condition_name(r) in names]
    if not own:
        return replace(summary, headline={})
    return replace(summary, headline=summarize(own, summary.references, aggregate=False).headline)


def _names(runs: Sequence[Run]) -> list[dict[str, str]]:
    """For each run: name of a policy in it -> name in the report."""
    if len(runs) == 1:
        return [{s.name: s.name for s in runs[0].summaries}]
    found: list[dict[str, str]] = []
    taken: set[str] = set()
    for run in runs:
        title, count = run.name, 1
        while title in taken:
            count += 1
            title = f"{run.name}-{count}"
        taken.add(title)
        single = len(run.summaries) == 1
        found.append({s.name: title if single else f"{title}/{s.name}" for s in run.summaries})
    return found


def _last_step(rows: list[Row]) -> list[Row]:
    """Of each policy the rows of its last training step; rows without a step count as the last."""
    last: dict[str, float] = {}
    for row in rows:
        last[row["policy"]] = max(last.get(row["policy"], float("-inf")), _step(row))
    return [row for row in rows if _step(row) == last[row["policy"]]]


def _step(row: Row) -> float:
    step = row.get("step")
    return float("inf") if step is None else float(step)


def _of_rows(rows: list[Row]) -> dict[str, Any]:
    """What the lines themselves say of their origin."""
    keys = ("run", "date", "commit", "device", "threads", "versions", "backend")
    found = {key: rows[-1][key] for key in keys if rows[-1].get(key) is not None}
    return found | {"seeds": sorted({row["seed"] for row in rows})}
