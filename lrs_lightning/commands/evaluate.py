"""`evaluate`: closed-loop return of any policies under a suite of shifts."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lrs_lightning.commands._parser import Parser, positive_int
from lrs_lightning.stopping import Interrupted

if TYPE_CHECKING:
    from rich.console import Console

    from lrs_lightning.evaluation.policies import Candidate
    from lrs_lightning.rollout import Progress
    from lrs_lightning.statistics import Summary
    from lrs_lightning.statistics.results import Row

FAILED = 3  # exit code where episodes failed and the rest went on
DIFFERENCES_SHOWN = 20


def main(verb: str, arguments: list[str]) -> int:
    """Run the verb; see `--help`. Exit code 3 says that episodes failed."""
    options = _parser().parse_args(arguments)
    # BLAS threads wait in a busy loop and take the cores from the environments: an expert's
    # step took ten times as long. NumPy reads this once, when it is first imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

    from rich.console import Console

    from lrs_lightning.evaluation import evaluate
    from lrs_lightning.evaluation.policies import resolve
    from lrs_lightning.evaluation.references import References
    from lrs_lightning.evaluation.suites import Suite
    from lrs_lightning.report import write_report

    console = Console()
    suite = Suite.load(options.suite)
    env, candidates = resolve(options.policy, options.env, load_checkpoint)
    out = options.out or _default_folder(env, suite.name, candidates)
    runs = [c.run for c in candidates if c.run is not None]
    failed: list[Row] = []
    try:
        with _progress(console) as on_progress:
            summary = evaluate(
                {c.name: c.policy for c in candidates},
                env,
                suite,
                options.episodes,
                options.seed,
                references=References(env, out=out, known=runs, threads=options.threads),
                out=out,
                context=next((c.context for c in candidates if c.context is not None), None),
                about={c.name: c.about for c in candidates},
                threads=options.threads,
                on_progress=on_progress,
                on_episode=lambda row: failed.append(row) if row["status"] != "ok" else None,
            )
    except Interrupted as stop:
        if stop.partial is not None:
            _print(console, stop.partial)
        stop.add_note(f"run again with --out {out} to play the rest")
        raise
    report = write_report([out], Path(out) / "report.html")
    _print(console, summary)
    console.print(f"results: {out}  report: {report}", soft_wrap=True, highlight=False)
    return _verdict(summary, failed)


def load_checkpoint(path: Path) -> Candidate:
    """A policy that `fit` trained; nothing that the file brings along is run."""
    from lrs_lightning.evaluation.policies import Candidate
    from lrs_lightning.nn import count_parameters
    from lrs_lightning.rollout import TorchPolicy
    from lrs_lightning.training import load_policy
    from lrs_lightning.training.playable import context_of

    trained = load_policy(path)
    policy = trained.policy
    about = {} if policy.config is None else policy.config.describe()
    return Candidate(
        _run_name(path),
        TorchPolicy(policy, trained.task.action_space),
        {**about, "parameters": count_parameters(policy).total, "source": str(path)},
        trained.task.env,
        context_of(policy),
        trained.path.parent.parent,
    )


def _parser() -> Parser:
    parser = Parser(
        "evaluate",
        "Play policies in the clean world and under every shift of a suite, all on the same seeds, "
        "and sum up. Run again with the same --out it plays only what is missing.",
    )
    parser.add_argument(
        "--policy",
        nargs="+",
        required=True,
        metavar="P",
        help="checkpoint, run folder, 'shipped' (an expert), .safetensors, SB3 .zip, .onnx or "
        "module:function; NAME=P names it; several are compared",
    )
    parser.add_argument("--suite", default="paper", help="smoke, paper, full, or a YAML file")
    parser.add_argument("--episodes", type=positive_int, default=20, help="of each condition")
    parser.add_argument("--env", help="environment id; by default that of the first policy")
    parser.add_argument("--seed", type=int, default=10_000, help="evaluation seed")
    parser.add_argument("--out", help="folder; by default one under runs/evaluate")
    parser.add_argument("--threads", type=positive_int, help="of the environments; default: all")
    return parser


def _default_folder(env: str, suite: str, candidates: Sequence[Candidate]) -> str:
    names = "-vs-".join(c.name for c in candidates[:4])
    return str(Path("runs") / "evaluate" / f"{names}-{env.replace('/', '-')}-{suite}")


def _run_name(path: Path) -> str:
    """`runs/a` and `runs/a/checkpoints/last.ckpt` are `a`; other checkpoints add their own name."""
    path = path.resolve()
    if path.is_dir() or path.parent.name != "checkpoints":
        return path.name if path.is_dir() else path.stem
    run = path.parent.parent.name
    return run if path.stem == "last" else f"{run}-{path.stem}"


@contextmanager
def _progress(console: object) -> Iterator[Callable[[Progress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.completed:.0%}"),
        BarColumn(),
        TextColumn("{task.fields[episodes]} episodes, {task.fields[speed]:,.0f} steps/s, left"),
        TimeRemainingColumn(),
    )
    assert isinstance(console, Console)
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=1.0, episodes="0", speed=0.0)

        def show(progress: Progress) -> None:
            elapsed = bar.tasks[0].elapsed or 0.0
            bar.update(
                task,
                completed=progress.fraction,
                episodes=f"{progress.done} of {progress.total}",
                speed=progress.steps / elapsed if elapsed else 0.0,
            )

        yield show


def _print(console: Console, summary: Summary) -> None:
    from lrs_lightning.report.table import table

    for one in summary.all:
        console.print(table(one))
    if summary.differences:
        console.print(_differences(summary))


def _differences(summary: Summary) -> object:
    from rich.table import Table

    from lrs_lightning.report.table import between, number, share

    shown = Table(title="paired differences: first minus second", title_justify="left")
    for name in ("first", "second", "shift"):
        shown.add_column(name, no_wrap=True)
    for name in ("difference", "95 % interval", "P(better)"):
        shown.add_column(name, justify="right", no_wrap=True)
    for d in summary.differences[:DIFFERENCES_SHOWN]:
        cells = number(d["difference"]), between(d["ci95"]), share(d["improvement"])
        shown.add_row(d["a"], d["b"], d["condition"], *cells)
    rest = len(summary.differences) - DIFFERENCES_SHOWN
    shown.caption = f"{rest} more in summary.json" if rest > 0 else None
    return shown


def _verdict(summary: Summary, failed: Sequence[Row]) -> int:
    total = sum(one.failed for one in summary.all)
    if not total:
        return 0
    first = f"the first, {failed[0]['condition']} with seed {failed[0]['seed']}: " if failed else ""
    reason = failed[0].get("error", "") if failed else "see results.jsonl"
    print(
        f"error: {total} episodes failed and are left out ({first}{reason}); run again to play "
        "them once more",
        file=sys.stderr,
    )
    return FAILED
