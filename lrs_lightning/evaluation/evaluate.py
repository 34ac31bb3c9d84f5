"""Play policies under a suite and sum up; a run that was killed goes on where it stopped."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from lrs_lightning import envs
from lrs_lightning.errors import ArgumentError
from lrs_lightning.evaluation.plan import Plan
from lrs_lightning.evaluation.played_on import backends_in_words
from lrs_lightning.evaluation.provenance import provenance, row_columns
from lrs_lightning.evaluation.references import References
from lrs_lightning.evaluation.settings import in_words, judged_with
from lrs_lightning.evaluation.suites import Suite, SuiteLike
from lrs_lightning.evaluation.units import measured_context, needs_units, unit_name
from lrs_lightning.locking import alone_in
from lrs_lightning.rollout import Policy, Progress
from lrs_lightning.shifts import ShiftContext
from lrs_lightning.statistics.backends import mixed_backends
from lrs_lightning.statistics.methods import group
from lrs_lightning.statistics.result_line import Row
from lrs_lightning.statistics.results import ResultsWriter
from lrs_lightning.statistics.summary import Summary, summarize_all
from lrs_lightning.stopping import Interrupted

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
    references: References | Mapping[str, float | None] | None = None,
    out: str | Path | None = None,
    context: ShiftContext | None = None,
    about: Mapping[str, Mapping[str, Any]] | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    step: int | None = None,
    threads: int | None = None,
    timeout: float | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
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
        references: who plays the expert's and the random part on the same seeds, or mean clean
            returns `expert` and `random` as they are; where None, the shipped expert plays.
        out: folder for `results.jsonl`, `references.jsonl` and `summary.json`. Episodes that it
            already holds are not played again; one process at a time writes there. None writes
            nothing.
        context: deviation of the training data, which is the unit of sensor noise; measured on
            clean episodes where None.
        about: policy name -> what the summary shall say of it, e.g. cell and rank; its `seeds` and
            `configuration` (see `training_facts`) tell which policies are draws of one method.
        groups: method -> names of its policies; the others are grouped by configuration.
        step: training step of the policies, written into each row; rows of other steps are others.
        threads: of the environments; no result depends on it.
        timeout: seconds that a call of a policy or of the environments may take until it has
            failed; see `rollout`. None waits for ever.
        env_kwargs: arguments of `envs.make`; None takes those with which the task's domain is
            judged, for Atari sticky actions.
        on_progress: called about ten times a second.
        on_episode: called with the row of each episode as it ends.

    Returns:
        The summary of the first policy, with those of the `others` and the paired `differences`.

    Raises:
        LrsError: for whatever is wrong before the first step. What fails later, environment or
            policy, only marks its episodes as failed.
        Interrupted: a signal asked for the end; its `partial` is the summary of what was played.
    """
    if episodes < 1:
        raise ArgumentError(f"episodes: {episodes} is not a number of at least 1")
    plan, about_plan = _planned(
        policies,
        env_id,
        suite,
        range(seed, seed + episodes),
        step,
        context,
        about or {},
        env_kwargs,
    )
    group({name: plan.about.get(name, {}) for name in plan.policies}, groups)  # or say why not
    with nullcontext() if out is None else alone_in(Path(out)):
        file = None if out is None else Path(out) / "results.jsonl"
        rows = plan.already_played(file)
        if context is None and needs_units(plan.conditions) and len(rows) < plan.size:
            context = measured_context(plan.env_id, policies, timeout)
        about_plan |= backends_in_words(plan.policies, rows)
        origin = provenance(plan.seeds, **about_plan)
        writing = nullcontext() if file is None else ResultsWriter(file, row_columns(origin))
        with _told_if_cut(rows, plan, about or {}, origin), writing as writer:
            for row in plan.play(list(rows), context, threads, on_progress, writer, timeout):
                rows.append(row)
                if on_episode is not None:
                    on_episode(row)
        if references is None:
            references = References(
                plan.env_id, out=out, threads=threads, timeout=timeout, env_kwargs=env_kwargs
            )
        if isinstance(references, References):
            origin["expert"] = references.expert
            references = references.over(plan.seeds)
        if (sentence := mixed_backends(rows)) is not None:
            _logger.warning(sentence)
        summary = summarize_all(_in_order(rows, plan), references, about or {}, origin, groups)
        if out is not None:
            summary.write(Path(out) / "summary.json")
    return summary


def preview(
    policies: Mapping[str, Policy],
    env_id: str,
    suite: SuiteLike,
    episodes: int,
    seed: int,
    *,
    out: Path,
    context: ShiftContext | None = None,
    about: Mapping[str, Mapping[str, Any]] | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
) -> tuple[Plan, int]:
    """What `evaluate` would play, and how many of these episodes its folder holds already.

    Raises:
        LrsError: what `evaluate` would refuse before it plays.
    """
    seeds = range(seed, seed + episodes)
    plan, _ = _planned(policies, env_id, suite, seeds, None, context, about or {}, None)
    group({name: plan.about.get(name, {}) for name in plan.policies}, groups)
    return plan, len(plan.already_played(out / "results.jsonl"))


def _planned(
    policies: Mapping[str, Policy],
    env_id: str,
    suite: SuiteLike,
    seeds: range,
    step: int | None,
    context: ShiftContext | None,
    about: Mapping[str, Mapping[str, Any]],
    env_kwargs: Mapping[str, Any] | None,
) -> tuple[Plan, dict[str, Any]]:
    """What is to be played, and what the provenance says of it."""
    if not policies:
        raise ArgumentError("policies: none is given, and at least one is needed")
    info = envs.describe(env_id)
    chosen = Suite.load(suite)
    conditions, left_out = chosen.playable(info)
    for condition, sentence in left_out.items():
        _logger.warning("suite %r without %s: %s", chosen.name, condition, sentence)
    unit = unit_name(info.env_id, policies, context) if needs_units(conditions) else ""
    # A game may be named in several ways: from here on it is called by its own name.
    settings = judged_with(info.env_id, env_kwargs)
    plan = Plan(dict(policies), info.env_id, conditions, seeds, step, unit, about, settings)
    origin: dict[str, Any] = {"suite": chosen.name, "env": info.env_id}
    origin |= {} if step is None else {"step": step}
    origin |= {"settings": in_words(settings)} if settings else {}
    return plan, origin | ({"left_out": left_out} if left_out else {})


@contextmanager
def _told_if_cut(
    rows: list[Row], plan: Plan, about: Mapping[str, Any], origin: Mapping[str, Any]
) -> Iterator[None]:
    """Give an interruption the summary of what was played until then."""
    try:
        yield
    except Interrupted as stop:
        stop.add_note(f"{len(rows)} of {plan.size} episodes are played")
        if rows:
            stop.partial = summarize_all(_in_order(rows, plan), {}, about, origin)
        raise


def _in_order(rows: list[Row], plan: Plan) -> list[Row]:
    """By policy, condition and seed, whatever order they ended in."""
    policies = {name: i for i, name in enumerate(plan.policies)}
    conditions = {text: i for i, text in enumerate(plan.condition_ids)}
    return sorted(
        rows, key=lambda r: (policies[r["policy"]], conditions[r["condition"]], r["seed"])
    )
