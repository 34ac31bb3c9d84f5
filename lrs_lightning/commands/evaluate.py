"""`evaluate`: closed-loop return of any policies under a suite of shifts."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonargparse.typing import PositiveFloat, PositiveInt

from lrs_lightning.commands import PROGRAM
from lrs_lightning.files import file_name
from lrs_lightning.options.call import call
from lrs_lightning.stopping import Interrupted

if TYPE_CHECKING:
    from rich.console import Console

    from lrs_lightning.evaluation.plan import Plan
    from lrs_lightning.evaluation.policies import Candidate
    from lrs_lightning.evaluation.suites import Suite
    from lrs_lightning.statistics import Summary
    from lrs_lightning.statistics.result_line import Row

FAILED = 3  # exit code where episodes failed and the rest went on


def main(verb: str, arguments: list[str]) -> int:
    """Run the verb; see `--help`. Exit code 3 says that episodes failed."""
    return int(call(evaluate, f"{PROGRAM} {verb}", arguments))


def evaluate(
    *,
    policy: list[str],
    suite: str = "paper",
    episodes: PositiveInt = 20,
    env: str | None = None,
    env_kwargs: dict[str, Any] | None = None,
    wrappers: list[str] | None = None,
    statistics: Path | None = None,
    seed: int = 10_000,
    out: Path | None = None,
    group: list[str] | None = None,
    clean_gates: list[str] | None = None,
    threads: PositiveInt | None = None,
    timeout: PositiveFloat | None = None,
    films: bool = False,
    dry_run: bool = False,
    quiet: bool = False,
) -> int:
    """Play policies in the clean world and under every shift of a suite, on the same seeds.

    Several policies are compared in pairs of episodes. Run again with the same --out it plays only
    what is missing.

    Args:
        policy: checkpoint, run folder, 'shipped' (an expert), .safetensors, SB3 .zip, .onnx, .npz
            (exported) or module:function; NAME=POLICY names it
        suite: smoke, paper, full, or a YAML file
        episodes: episodes of each condition
        env: environment id, or module:Class of your own; else that of the first policy
        env_kwargs: arguments of the environment, e.g. '{g: 5.0}'; else as the policy was trained,
            and games with sticky 0.25
        wrappers: put around it, the last outermost: a name of gymnasium.wrappers or module:Class
        statistics: of a .zip: the pickle of its VecNormalize, or 'none'; else the one beside it
        seed: evaluation seed: where episodes start
        out: folder; else one under runs/evaluate
        group: NAME=POLICY POLICY ... NAME=POLICY ...: which of the policies are training seeds of
            one method; else those of one configuration
        clean_gates: play each policy also with this gate reading the unshifted sensors, one gate at
            a time: G H F of a CfC, i f g o, r z n
        threads: threads of the environments; else all
        timeout: seconds until a call of a policy or an environment has failed; else never
        films: film the worst and the median episode, clean and in the worst shift
        dry_run: say what would be played, and where it would be kept; write nothing
        quiet: show no progress
    """
    # BLAS threads wait in a busy loop and take the cores from the environments: an expert's
    # step took ten times as long. NumPy reads this once, when it is first imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

    from rich.console import Console

    from lrs_lightning.commands.groups import groups_of
    from lrs_lightning.evaluation import Suite
    from lrs_lightning.evaluation import evaluate as play
    from lrs_lightning.evaluation.counterfactuals import with_clean_gates
    from lrs_lightning.evaluation.evaluate import preview
    from lrs_lightning.evaluation.policies import resolve
    from lrs_lightning.evaluation.references import References
    from lrs_lightning.report import write_report
    from lrs_lightning.report.progress import evaluation_progress
    from lrs_lightning.report.verdict import verdict
    from lrs_lightning.training.candidate import load_candidate

    console = Console()
    chosen = Suite.load(suite)
    task, candidates = resolve(policy, env, load_candidate, env_kwargs, wrappers, statistics)
    called = {word: c.name for word, c in zip(policy, candidates, strict=True)}
    called |= {word.partition("=")[2]: name for word, name in called.items() if "=" in word}
    groups = {
        name: [called.get(word, word) for word in words] for name, words in groups_of(group).items()
    }
    candidates = with_clean_gates(candidates, clean_gates or [])
    folder = out or _default_folder(task, chosen.name, candidates)
    runs = [c.run for c in candidates if c.run is not None]
    policies = {c.name: c.policy for c in candidates}
    context = next((c.context for c in candidates if c.context is not None), None)
    about = {c.name: c.about for c in candidates}
    if dry_run:
        asked = policies, task, chosen, episodes, seed
        found = preview(*asked, out=folder, context=context, about=about, groups=groups)
        print(_plan(*found, folder))
        return 0
    failed: list[Row] = []
    if not quiet:
        _announce(console, task, chosen, list(policies), episodes)
    try:
        with evaluation_progress(console, quiet) as on_progress:
            summary = play(
                policies,
                task,
                chosen,
                episodes,
                seed,
                references=References(
                    task,
                    out=folder,
                    known=runs,
                    threads=threads,
                    timeout=timeout,
                ),
                out=folder,
                context=context,
                about=about,
                groups=groups,
                threads=threads,
                timeout=timeout,
                on_progress=on_progress,
                on_episode=lambda row: failed.append(row) if row["status"] != "ok" else None,
            )
    except Interrupted as stop:
        if stop.partial is not None:
            _print(console, stop.partial)
        stop.add_note(f"run again with --out {folder} to play the rest")
        raise
    if films:
        _film(console, folder, task, candidates, seed)
    page = write_report([folder], folder / "report.html")
    _print(console, summary)
    console.print(f"results: {folder}  report: {page}", soft_wrap=True, highlight=False)
    wrong = verdict(summary, failed)
    if wrong:
        print(f"error: {wrong}", file=sys.stderr)
    return FAILED if wrong else 0


def _announce(
    console: Console, task: str, suite: Suite, names: Sequence[str], episodes: int
) -> None:
    """One line before anything is played."""
    from lrs_lightning.envs import describe

    worlds = len(suite.playable(describe(task))[0])
    line = f"evaluating {', '.join(names)} on {task}: {worlds} conditions, {episodes} episodes each"
    console.print(line, soft_wrap=True, highlight=False)


def _film(
    console: Console, folder: Path, task: str, candidates: Sequence[Candidate], seed: int
) -> None:
    """Play the episodes worth a film again; what was played stands whether or not that can be."""
    from lrs_lightning.errors import EnvironmentMismatchError
    from lrs_lightning.files import write_whole
    from lrs_lightning.report.films import choices, encoded, film, worst_shift
    from lrs_lightning.shifts import CLEAN, Condition
    from lrs_lightning.statistics.results import read_results

    rows = read_results(folder / "results.jsonl")
    context = next((c.context for c in candidates if c.context is not None), None)
    try:
        for candidate in candidates:
            names = dict.fromkeys([CLEAN, worst_shift(folder, candidate.name) or CLEAN])
            conditions = [Condition.parse(name) for name in names]
            several = len(candidates) > 1
            for one in choices(rows, candidate.name, conditions, seed, several):
                shown = film(candidate.policy, task, one.condition, one.seed, context=context)
                write_whole(folder / "films" / f"{one.name}.gif", encoded(shown))
    except EnvironmentMismatchError as error:
        console.print(str(error), soft_wrap=True, highlight=False)


def _plan(plan: Plan, played: int, folder: Path) -> str:
    """What would be played, how much of it, and where it would be kept."""
    from lrs_lightning.evaluation.settings import in_words

    settings = f" with {in_words(plan.settings)}" if plan.settings else ""
    return (
        f"{plan.env_id}{settings}: {', '.join(plan.policies)}\n"
        f"conditions: {', '.join(map(str, plan.conditions))}\n"
        f"{plan.size} episodes, {len(plan.seeds)} of each policy and condition from seed "
        f"{plan.seeds[0]}; {played} of them are played already\n"
        f"folder: {folder}; nothing was played or written"
    )


def _print(console: Console, summary: Summary) -> None:
    from lrs_lightning.report.table import closing

    for part in closing(summary):
        console.print(part)


def _default_folder(env: str, suite: str, candidates: Sequence[Candidate]) -> Path:
    names = "-vs-".join(c.name for c in candidates[:4])
    return Path("runs") / "evaluate" / file_name(f"{names}-{env}-{suite}")
