"""`python -m benchmarks gpu [--minutes 12] [--out FOLDER] [--stages ...] [--rehearse]`.

For a machine that is lent for minutes: a bare copy of the tree, torch with CUDA, Triton and pytest
are enough. Stages run one after the other, each in a process of its own and within its share of the
time; what is known stands in the folder at once, and the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gpu.journal import ROOT, Journal, source_hash


@dataclass(frozen=True)
class Stage:
    """A process, and its share of the time.

    Attributes:
        words: what Python is started with.
        share: of all minutes; what a stage leaves goes to those behind it.
        needed: whether nothing else is worth running when it fails.

    """

    words: tuple[str, ...]
    share: float
    needed: bool = False


STAGES = {
    "smoke": Stage(("benchmarks.gpu.smoke",), 0.15, needed=True),
    "tests": Stage(("benchmarks.gpu.checks", "tests"), 0.30),
    "checkers": Stage(("benchmarks.gpu.checks", "checkers"), 0.12),
    "scans": Stage(("benchmarks.gpu.scans",), 0.24),
    "layers": Stage(("benchmarks.gpu.layers",), 0.20),
    "profile": Stage(("benchmarks.gpu.profile",), 0.04),
}


def main(arguments: list[str]) -> None:
    """Run the stages; the exit code is 1 if one of them failed or found something wrong."""
    options = _options(arguments)
    if options is None:
        return
    options.out.mkdir(parents=True, exist_ok=True)
    journal, began = Journal(options.out / "stages.jsonl"), time.time()
    ends, failed = began + 60 * options.minutes, []
    for place, name in enumerate(options.stages):
        if name in journal.done():
            print(f"[{name}] was finished before: left out", flush=True)
            continue
        left = sum(STAGES[other].share for other in options.stages[place:])
        started = time.time()
        until = started + max(0.0, ends - started) * STAGES[name].share / left
        code = _run(name, until, options)
        if code == 0:
            journal.add(name, {"seconds": round(time.time() - started, 1)})
        else:
            failed.append(name)
            if STAGES[name].needed:
                break
    print(f"{time.time() - began:.0f} s; figures are in {options.out}")
    if failed:
        raise SystemExit(f"failed or not finished: {', '.join(failed)}")


def _run(name: str, until: float, options: argparse.Namespace) -> int:
    print(f"\n[{name}] {max(0.0, until - time.time()):.0f} s at most", flush=True)
    words = [sys.executable, "-m", *STAGES[name].words, "--out", str(options.out)]
    words += ["--until", str(until), *["--rehearse"] * options.rehearse]
    # Stages end by themselves; a hung kernel does not.
    limit = max(1.0, until - time.time()) + 20
    try:
        return subprocess.run(words, cwd=ROOT, env=_surroundings(options), timeout=limit).returncode
    except subprocess.TimeoutExpired:
        print(f"[{name}] was ended after {limit:.0f} s", flush=True)
        return 124


def _surroundings(options: argparse.Namespace) -> dict[str, str]:
    """Where packages and compiled kernels are; the same cache for every stage and process."""
    paths = [str(ROOT), str(ROOT / "kernels"), os.environ.get("PYTHONPATH", "")]
    found = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": "1",
    }
    found.setdefault("TRITON_CACHE_DIR", str(Path.home() / ".triton" / f"gpu-{source_hash()}"))
    if options.rehearse:
        found |= {"TRITON_INTERPRET": "1", "CUDA_VISIBLE_DEVICES": ""}
    return found


def _options(arguments: list[str]) -> argparse.Namespace | None:
    """By the standard library: the parser of the other sections need not be on a lent machine.

    None after `--help`, as from that parser.
    """
    parser = argparse.ArgumentParser("python -m benchmarks gpu", description=__doc__)
    parser.add_argument("--minutes", type=float, default=12.0, help="after which it ends")
    parser.add_argument("--out", type=Path, help="folder; else results/gpu, or a rehearsal's own")
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--rehearse", action="store_true", help="in the interpreter, tiny, no GPU")
    try:
        options = parser.parse_args(arguments)
    except SystemExit as end:
        if end.code == 0:
            return None
        raise
    kind = "rehearsal" if options.rehearse else "gpu"
    options.out = (options.out or ROOT / "benchmarks" / "results" / kind).resolve()
    return options
