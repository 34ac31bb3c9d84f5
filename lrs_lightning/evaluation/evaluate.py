"""Play policies under a suite and sum up; a run that was killed goes on where it stopped.

What is played after a restart shares a smaller batch than before. A policy of matrix products then
differs in the last bits, which a chaotic task amplifies: those episodes are as good, not the same.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lrs_lightning import envs
from lrs_lightning.errors import ArgumentError, DataError
from lrs_lightning.evaluation.provenance import provenance, row_columns
from lrs_lightning.evaluation.references import references as measure_references
from lrs_lightning.evaluation.suites import Suite, SuiteLike
from lrs_lightning.evaluation.units import measured_context, needs_units
from lrs_lightning.rollout import Policy, Progress, rollout
from lrs_lightning.shifts import Condition, ShiftContext
from lrs_lightning.statistics.comparison import compare
from lrs_lightning.statistics.results import (
    ResultsWriter,
    Row,
    episode_row,
    latest,
    read_results,
)
from lrs_lightning.statistics.returns import Returns
from lrs_lightning.statistics.summary import Summary, summarize

# Demonstrations start at a million: no episode serves both training and judgement.
EVALUATION_SEED = 10_000
_logger = logging.getLogger(__name__)


def evaluate(
    policies: Mapping[str, Policy],
    env_id: str,
    suite: SuiteLike = "paper",
    episodes: int = 20,
    seed: int = EVALUATION_SEED,
    *,
    references: Mapping[str, float | None] | None = None,
    out: str | Path | None = None,
    context: ShiftContext | None = None,
    about: Mapping[str, Mapping[str, Any]] | None = None,
    step: int | None = None,
    threads: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_episode: Callable[[Row], None] | None = None,
) -> Summary:
    """Play every policy under every condition of a suite, all on the same seeds.

    Args:
        policies: name -> policy.
        env_id: the task.
        suite: a name, a file, or conditions; see `Suite.load`.
        episodes: episodes of each policy and condition; episode k starts from `seed + k`.
        seed: evaluation seed.
        references: mean clean returns `expert` and `random`; measured where None.
        out: folder for `results.jsonl` and `summary.json`. Episodes that it already holds are not
            played again. None writes nothing.
        context: deviation of the training data, which is the unit of sensor noise; measured on
            clean episodes where None.
        about: policy name -> what the summary shall say of it, e.g. cell and rank.
        step: training step of the policies, written into each row; rows of other steps are others.
        threads: of the environments; no result depends on it.
        on_progress: called about ten times a second.
        on_episode: called with the row of each episode as it ends.

    Returns:
        The summary of the first policy, with those of the `others` and the paired `differences`.

    Raises:
        LrsError: for whatever is wrong before the first step. A failing environment only marks its
            episodes as failed.
    """
    if episodes < 1:
        raise ArgumentError(f"episodes: {episodes} is not a number of at least 1")
    if not policies:
        raise ArgumentError("policies: none is given, and at least one is needed")
    info = envs.describe(env_id)
    env_id = info.env_id  # a game may be named in several ways
    chosen = Suite.load(suite)
    conditions, left_out = chosen.playable(info)
    for condition, sentence in left_out.items():
        _logger.warning("suite %r without %s: %s", chosen.name, condition, sentence)
    plan = _Plan(
        dict(policies),
        env_id,
        conditions,
        range(seed, seed + episodes),
        step,
    )
    file = None if out is None else Path(out) / "results.jsonl"
    kept = plan.already_played(file)
    if context is None and needs_units(plan.conditions) and len(kept) < plan.size:
        context = measured_context(env_id, policies)
    columns: dict[str, Any] = {} if step is None else {"step": step}
    if left_out:
        columns["left_out"] = left_out
    origin = provenance(plan.seeds, suite=chosen.name, env=env_id, **columns)
    rows = list(kept)
    with nullcontext() if file is None else ResultsWriter(file, row_columns(origin)) as writer:
        for row in plan.play(kept, context, threads, on_progress, writer):
            rows.append(row)
            if on_episode is not None:
                on_episode(row)
    if references is None:
        references = measure_references(env_id, plan.seeds, threads)
    summary = _summarize(rows, plan, references, about or {}, origin)
    if out is not None:
        summary.write(Path(out) / "summary.json")
    return summary


@dataclass(frozen=True)
class _Plan:
    """Which episodes belong to an evaluation."""

    policies: dict[str, Policy]
    env_id: str
    conditions: list[Condition]
    seeds: Sequence[int]
    step: int | None

    @property
    def size(self) -> int:
        """Number of episodes."""
        return len(self.policies) * len(self.conditions) * len(self.seeds)

    def already_played(self, file: Path | None) -> list[Row]:
        """The rows of an earlier run that need not be played again."""
        if file is None or not file.exists():
            return []
        texts = set(map(str, self.conditions))
        rows = [row for row in latest(read_results(file)) if self._is_ours(row)]
        for row in rows:
            self._check_same(row, file)
        return [
            row
            for row in rows
            if row["status"] == "ok" and row["condition"] in texts and row["seed"] in self.seeds
        ]

    def play(
        self,
        kept: Sequence[Row],
        context: ShiftContext | None,
        threads: int | None,
        on_progress: Callable[[Progress], None] | None,
        writer: ResultsWriter | None,
    ) -> Iterator[Row]:
        """Play what is missing, and write each episode as it ends."""
        first = self.seeds[0]
        done = [(r["policy"], r["shift"], r["severity"], r["seed"] - first) for r in kept]
        played = rollout(
            self.policies,
            self.env_id,
            self.conditions,
            self.seeds,
            context,
            threads=threads,
            done=done,
            on_progress=on_progress,
        )
        marks = {name: fingerprint(policy) for name, policy in self.policies.items()}
        for episode in played:
            columns: dict[str, Any] = {"policy_id": marks[episode.policy]}
            if self.step is not None:
                columns["step"] = self.step
            if writer is None:
                yield episode_row(episode, **columns)
            else:
                yield writer.write(episode, **columns)

    def _is_ours(self, row: Row) -> bool:
        named = row["policy"] in self.policies and row["env"] == self.env_id
        return named and row.get("step") == self.step and "condition" in row

    def _check_same(self, row: Row, file: Path) -> None:
        """Episodes of other weights or another simulator must not be mixed with new ones."""
        name = row["policy"]
        if row.get("policy_id") != fingerprint(self.policies[name]):
            raise DataError(
                f"{file} holds episodes of another policy named {name!r}: choose another folder"
            )
        now, then = row_columns(provenance())["versions"], str(row.get("versions"))
        for simulator in ("gymnasium", *envs.simulators()):
            if _version(simulator, now) != _version(simulator, then):
                raise DataError(
                    f"{file} holds episodes of {simulator} {_version(simulator, then)} and "
                    f"{_version(simulator, now)} is installed: choose another folder"
                )


def fingerprint(policy: Policy) -> str | None:
    """What tells two policies of one name apart: `policy.fingerprint`, or a hash of its weights."""
    given = getattr(policy, "fingerprint", None)
    if given is not None:
        return str(given)
    digest, found = hashlib.sha256(), False
    for weight in _weights(policy):
        digest.update(np.ascontiguousarray(weight).tobytes())
        found = True
    return digest.hexdigest()[:16] if found else None


def _weights(policy: Policy) -> Iterator[Any]:
    """Arrays of the torch modules that a policy holds, and of the layers of one in NumPy."""
    for held in getattr(policy, "__dict__", {}).values():
        if callable(getattr(held, "state_dict", None)):
            yield from (tensor.detach().cpu().numpy() for tensor in held.state_dict().values())
    for layer in getattr(policy, "layers", ()):
        yield from layer


def _version(package: str, versions: str) -> str | None:
    pairs = (entry.rsplit(" ", 1) for entry in versions.split(", "))
    return next((pair[1] for pair in pairs if pair[0] == package), None)


def _summarize(
    rows: list[Row],
    plan: _Plan,
    references: Mapping[str, float | None],
    about: Mapping[str, Mapping[str, Any]],
    origin: Mapping[str, Any],
) -> Summary:
    order = {str(condition): i for i, condition in enumerate(plan.conditions)}
    rows = sorted(rows, key=lambda row: (order[row["condition"]], row["seed"]))
    first, *others = (
        summarize(
            [row for row in rows if row["policy"] == name], references, about.get(name), origin
        )
        for name in plan.policies
    )
    if not others:
        return first
    rows.sort(key=lambda row: list(plan.policies).index(row["policy"]))
    differences = [difference.to_dict() for difference in compare(Returns.from_rows(rows))]
    return replace(first, others=others, differences=differences)
