"""Stages `tests` and `checkers`: the tests that need a GPU, and the memory and race checkers."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from benchmarks.gpu.journal import ROOT, Journal
from benchmarks.gpu.stage import Job, job

MARKS = {"tests": "gpu and not slow", "checkers": "gpu and slow"}
WORKERS = {"tests": 14, "checkers": 4}

# A plugin that measures refuses to be there beside parallel tests, if it is installed.
OPTIONS = ["-p", "no:cacheprovider", "-p", "no:benchmark", "--tb=short", "-rfE"]


def main(arguments: list[str]) -> None:
    """Run one of the two, by the first word."""
    which, *words = arguments
    task = job(words, f"benchmarks.gpu.checks {which}")
    code, seconds = run(which, task)
    Journal(task.out / "checks.jsonl").add(which, {"code": code, "seconds": round(seconds, 1)})
    raise SystemExit(code)


def run(which: str, task: Job) -> tuple[int, float]:
    """The exit code of pytest, and how long it took; 124 if it had to be ended."""
    words = [sys.executable, "-m", "pytest", "-q", "-m", MARKS[which], "tests/lrs_kernels/triton"]
    if task.rehearse:
        words += ["-k", "graphs or sanitizer"]
    workers = 1 if task.rehearse else min(WORKERS[which], os.cpu_count() or 1)
    if workers > 1:
        words += ["-n", str(workers), "--dist", "worksteal"]
    words += [*OPTIONS, "-o", "addopts=--import-mode=importlib"]
    log = task.out / f"{which}.log"
    began = time.time()
    with log.open("w") as file:
        try:
            done = subprocess.run(
                words, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, check=False,
                timeout=max(1.0, task.until - began),
            )  # fmt: skip
            code = done.returncode
        except subprocess.TimeoutExpired:
            code = 124
    print("\n".join(log.read_text(errors="replace").splitlines()[-25:]), flush=True)
    return code, time.time() - began


if __name__ == "__main__":
    main(sys.argv[1:])
