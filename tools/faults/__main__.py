"""`python -m tools.faults [--rooms ...] [--number N] [--seed S]`: which faults does no test find?

Run it again to go on after it was ended; what is judged is not judged again. It works in a copy of
the tree, so you may go on editing; what you edit counts from the next start on.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tools.faults import process, report
from tools.faults.baseline import Baseline
from tools.faults.judge import judge
from tools.faults.possible import Fault, draw, possible
from tools.faults.results import Judgement, Judgements, Score, equivalents
from tools.faults.rooms import Room, rooms
from tools.faults.tree import Tree

ROOT = Path(__file__).resolve().parents[2]
EQUIVALENT = Path(__file__).parent / "equivalent.yaml"


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw and judge room after room, print what was not found, and keep it as `results.md`."""
    options = _parse(arguments)
    os.nice(options.nice)
    process.prepare(options.preload)
    listed = equivalents(options.equivalent)
    kept = Judgements(options.out)
    scores, judged, keys = [], [], set[str]()
    for room in options.rooms:
        faults = [f for file in room.files(options.root) for f in possible(file, options.root)]
        found = _judge(room, draw(faults, options.number, options.seed), kept, options)
        keys |= {fault.key for fault in faults}
        judged += found
        scores.append(Score.of(room.name, len(faults), found, listed))
        print(*report.table(scores[-1:]), sep="\n", flush=True)
    lines = _text(scores, judged, listed, options)
    (options.out / "results.md").write_text("\n".join(lines))
    print(*lines, sep="\n")
    for doubt in report.doubts(judged, listed, keys if options.all_rooms else listed):
        _warn(doubt)


def _judge(
    room: Room, drawn: list[Fault], kept: Judgements, options: argparse.Namespace
) -> list[Judgement]:
    """What is known of the drawn faults, after judging those of which nothing is."""
    known = {fault: kept.of(fault) for fault in drawn}
    left = [f for f, j in known.items() if j is None or (options.again and not j.is_found)]
    if left:
        folders = [options.out / f"copy-{n}" for n in range(options.processes)]
        trees = [Tree.copy(options.root, folder) for folder in folders]
        baseline = Baseline.measure(trees[0], room, options.also)
        for test in sorted(baseline.broken):
            _warn(f"{test} fails without any fault, so it judges none")
        judgements = judge(room.name, left, baseline, trees, options.patience)
        for done, judgement in enumerate(judgements, 1):
            kept.add(judgement)
            by = judgement.by or "no test"
            print(f"{room.name} {done}/{len(left)} {judgement.seconds:5.1f} s {by}", flush=True)
    return [judgement for judgement in map(kept.of, drawn) if judgement is not None]


def _text(
    scores: Sequence[Score],
    judged: Sequence[Judgement],
    listed: Mapping[str, str],
    options: argparse.Namespace,
) -> list[str]:
    command = shlex.join(["python", "-m", "tools.faults", *options.arguments])
    return [
        "# Small faults that the tests find",
        "",
        f"`{command}`, commit {_commit(options.root)}, {datetime.now(UTC):%Y-%m-%d}; "
        f"seed {options.seed}, {options.number} faults drawn for each room.",
        "",
        *report.table(scores),
        "",
        *report.missed(judged, listed),
    ]


def _warn(sentence: str) -> None:
    print(f"warning: {sentence}", file=sys.stderr, flush=True)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.faults", description=__doc__)
    parser.add_argument("--rooms", nargs="*", help="rooms to judge, all of them by default")
    parser.add_argument("--number", type=int, default=40, help="faults for each room")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--again", action="store_true", help="judge what was not found once more")
    parser.add_argument("--also", nargs="*", default=[], help="more folders of tests that judge")
    parser.add_argument("--processes", type=int, default=2, help="faults judged at a time")
    parser.add_argument(
        "--patience", type=float, default=10.0, help="times its usual time that a test may take"
    )
    parser.add_argument("--nice", type=int, default=15, help="how far to stand back for others")
    parser.add_argument(
        "--preload", nargs="*", default=process.HEAVY, help="modules that all tests begin with"
    )
    parser.add_argument("--root", type=Path, default=ROOT, help="the tree")
    parser.add_argument("--out", type=Path, help="folder of the results, build/faults by default")
    parser.add_argument("--equivalent", type=Path, default=EQUIVALENT, help="list of those faults")
    options = parser.parse_args(arguments)
    options.arguments = sys.argv[1:] if arguments is None else list(arguments)
    options.out = options.out or options.root / "build" / "faults"
    known = rooms(options.root)
    unknown = sorted(set(options.rooms or ()) - set(known))
    if unknown:
        parser.error(f"there is no room {', '.join(unknown)}, but {', '.join(known)}")
    options.all_rooms = not options.rooms
    options.rooms = [known[name] for name in options.rooms or known]
    return options


def _commit(root: Path) -> str:
    command = ["git", "-C", str(root), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


if __name__ == "__main__":
    main()
