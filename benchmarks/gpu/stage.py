"""What every stage is told, and how it keeps to its time."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from benchmarks.gpu.journal import ROOT

Item = TypeVar("Item")


@dataclass(frozen=True)
class Job:
    """The words that a stage is started with.

    Attributes:
        out: folder of the results.
        until: the moment to end, in seconds since the epoch.
        rehearse: tiny sizes in Triton's interpreter, on a CPU.
        worker: which of `workers` processes that only compile; None measures.
        workers: how many of them.

    """

    out: Path
    until: float
    rehearse: bool = False
    worker: int | None = None
    workers: int = 1

    @property
    def device(self) -> str:
        """Where tensors are."""
        return "cpu" if self.rehearse else "cuda"

    def words(self, worker: int | None = None, workers: int = 1) -> list[str]:
        """The words again, for another process."""
        words = ["--out", str(self.out), "--until", str(self.until)]
        if self.rehearse:
            words.append("--rehearse")
        if worker is not None:
            words += ["--worker", str(worker), "--workers", str(workers)]
        return words


def job(arguments: list[str], module: str) -> Job:
    """Read the words of a stage."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--until", type=float, default=float("inf"))
    parser.add_argument("--rehearse", action="store_true")
    parser.add_argument("--worker", type=int)
    parser.add_argument("--workers", type=int, default=1)
    task = Job(**vars(parser.parse_args(arguments)))
    if not task.rehearse and not torch.cuda.is_available():
        parser.error("there is no CUDA device; --rehearse runs in the interpreter")
    return task


def each_in_time(items: Iterable[Item], task: Job) -> Iterator[Item]:
    """Items as long as there is time.

    Raises:
        SystemExit: if there is none for all of them, so that the stage does not count as finished.

    """
    for item in items:
        if time.time() > task.until:
            raise SystemExit(f"out of time before {item}")
        yield item


def side_by_side(module: str, task: Job) -> None:
    """Run a stage in as many processes as there are cores, each with a part that it only compiles.

    What they compile is in Triton's cache afterwards. A process that fails says so and costs no
    more than the time in which its part is compiled again.
    """
    workers = max(1, min(16, (os.cpu_count() or 2) - 2))
    words = [sys.executable, "-m", module]
    running = [
        subprocess.Popen([*words, *task.words(worker, workers)], cwd=ROOT)
        for worker in range(workers)
    ]
    for process in running:
        try:
            process.wait(max(1.0, task.until - time.time()))
        except subprocess.TimeoutExpired:
            process.kill()
