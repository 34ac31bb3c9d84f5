"""`calibrate`: strengths of shifts at which a policy keeps given shares of its clean return."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse.typing import PositiveInt

from lrs_lightning.commands import PROGRAM
from lrs_lightning.options.call import call

if TYPE_CHECKING:
    from lrs_lightning.evaluation.calibration import Search


def main(verb: str, arguments: list[str]) -> int:
    """Run the verb; see `--help`."""
    return int(call(calibrate, f"{PROGRAM} {verb}", arguments))


def calibrate(
    env: str,
    /,
    *,
    policy: str = "shipped",
    shift: list[str] | None = None,
    episodes: PositiveInt = 10,
    rounds: PositiveInt = 6,
    seed: int = 20_000,
    out: Path | None = None,
    threads: PositiveInt | None = None,
    dry_run: bool = False,
    quiet: bool = False,
) -> int:
    """Find the strengths of shifts at which a policy keeps 90, 70, 50, 30, 10 % of its return.

    Writes suite.yaml, which `evaluate --suite` and `fit` take. Run again with the same --out it
    goes on where it stopped.

    Args:
        env: environment id, e.g. HalfCheetah-v5
        policy: who is to keep them: 'shipped' (the expert), or whatever `evaluate` takes
        shift: names of shifts; else all of suite full that change something in this task
        episodes: of each strength
        rounds: after the first, each with strengths between those that keep more and less
        seed: where episodes start; others than those of evaluations
        out: folder; else one under runs/calibrate
        threads: threads of the environments; else all
        dry_run: say what would be played, and where it would be kept; write nothing
        quiet: show no progress
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # see `evaluate`

    from rich.console import Console

    from lrs_lightning.evaluation.calibrated_suite import level_text, suite_text
    from lrs_lightning.evaluation.calibration import SHARES, searches
    from lrs_lightning.evaluation.calibration import calibrate as search
    from lrs_lightning.evaluation.policies import resolve
    from lrs_lightning.evaluation.provenance import provenance
    from lrs_lightning.files import file_name, write_whole
    from lrs_lightning.report.progress import evaluation_progress
    from lrs_lightning.training.candidate import load_candidate

    task, (candidate,) = resolve([policy], env, load_candidate)
    wanted = searches(task, shift)
    folder = out or Path("runs") / "calibrate" / file_name(f"{candidate.name}-{task}")
    if dry_run:
        print(_plan(task, wanted, episodes, rounds, len(SHARES), folder))
        return 0
    console = Console()

    def announce(number: int, conditions: int) -> None:
        if not quiet:
            what = f"round {number} of {rounds}: {conditions} strengths"
            console.print(f"{what}, {episodes} episodes each", highlight=False)

    with evaluation_progress(console, quiet) as on_progress:
        found = search(
            candidate.name, candidate.policy, task, wanted, episodes, seed,
            out=folder, context=candidate.context, rounds=rounds, threads=threads,
            on_progress=on_progress, on_round=announce,
        )  # fmt: skip
    about = provenance()
    again = f"{PROGRAM} calibrate {task} --policy {policy} --episodes {episodes} --rounds {rounds}"
    again += f" --seed {seed}" + (f" --shift {' '.join(shift)}" if shift else "")
    origin = [
        f"Strengths at which {candidate.name} keeps a share of its clean return in {task}:",
        f"severities 1 to 5 keep {', '.join(f'{share:.0%}' for share in SHARES)}.",
        f"{episodes} episodes of each strength from seed {seed}; policy {policy}; commit "
        f"{about['commit']}, {about['date'][:10]}.",
        f"Command: {again}",
    ]
    file = folder / "suite.yaml"
    write_whole(file, suite_text(f"calibrated-{task}", task, found, origin))
    for name, levels in found.items():
        for level in levels:
            print(f"{name}  {level_text(level)}")
    print(f"suite: {file}")
    return 0


def _plan(
    task: str, wanted: Sequence[Search], episodes: int, rounds: int, shares: int, folder: Path
) -> str:
    first = sum(len(one.first()) for one in wanted)
    most = first + rounds * shares * len(wanted)
    return (
        f"{task}: {', '.join(one.shift for one in wanted)}\n"
        f"{first} strengths in the first round, at most {most} in all, {episodes} episodes each: "
        f"at most {(most + 1) * episodes} episodes\n"
        f"suite: {folder / 'suite.yaml'}; nothing was played or written"
    )
