"""Command lines in processes of their own that begin at the same moment and need no import.

A process that has imported everything, and done nothing else, is forked for each of them: a test's
own process has threads, and the child of such a process may hang.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import traceback
from typing import Any, NamedTuple

from lrs_lightning.cli import main
from tests.evaluation.toys import register

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    ["tests.reliability.warm", "lrs_lightning.data.collect", "lrs_lightning.commands.collect",
     "lrs_lightning.commands.evaluate", "lrs_lightning.evaluation", "lrs_lightning.report",
     "lrs_lightning.training.candidate", "gymnasium.envs.mujoco", "mujoco"]
)  # fmt: skip


class Said(NamedTuple):
    """How a command line ended."""

    code: int
    out: str
    err: str


def at_once(*rounds: list[list[str]], seconds: float = 250) -> list[list[Said]]:
    """Run the command lines of each round, all of them let go at once; how each ended."""
    number = len(rounds[0])
    barrier, answers = SERVER.Barrier(number), SERVER.SimpleQueue()
    running = [
        SERVER.Process(target=_run, args=(k, [lines[k] for lines in rounds], barrier, answers))
        for k in range(number)
    ]
    for process in running:
        process.start()
    found: dict[int, list[Said]] = dict(answers.get() for _ in running)
    for process in running:
        process.join(seconds)
    return [list(ends) for ends in zip(*(found[k] for k in range(number)), strict=True)]


def _run(number: int, rounds: list[list[str]], barrier: Any, answers: Any) -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    register()
    ends = []
    for words in rounds:
        out, err = io.StringIO(), io.StringIO()
        barrier.wait(60)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = main(words)
            except Exception:
                traceback.print_exc()
                code = 1
        ends.append(Said(code, out.getvalue(), err.getvalue()))
    answers.put((number, ends))
