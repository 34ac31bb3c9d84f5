"""What a launcher does: it takes jobs, and tells of each once how it has ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lrs_lightning.errors import LrsError

Fit = Callable[[list[str]], int]
"""Runs `fit` with some words, and returns its exit code; a function of a module, so that another
machine finds it by its name."""


@dataclass(frozen=True)
class Job:
    """A run of a sweep that is to be trained.

    Args:
        name: of the run.
        words: of its `fit`.
        folder: of the run.
    """

    name: str
    words: list[str]
    folder: Path


@dataclass(frozen=True)
class Ended:
    """How a job has ended.

    Args:
        job: which one.
        code: exit code of `fit`; None where its process or its machine has died, so that nothing
            of the run itself speaks against another try.
        seconds: that it took, without the time in a queue.
        reason: what went wrong, in a sentence.
    """

    job: Job
    code: int | None
    seconds: float
    reason: str = ""


class Launcher(Protocol):
    """Trains jobs somewhere."""

    def claim(self, out: Path) -> None:
        """See that whoever trains can read and write the folder of the sweep, which exists.

        Raises:
            DataError: names who cannot.
        """

    def slots(self) -> int:
        """How many jobs are trained at a time."""

    def start(self, job: Job) -> None:
        """Begin with a job, or put it into a queue."""

    def wait(self) -> Ended:
        """Wait until any job has ended, in whatever way.

        Raises:
            LrsError: no job can be trained there any more.
        """


def sentence(error: LrsError) -> str:
    """An error and what was noted on its way."""
    return "; ".join([str(error), *getattr(error, "__notes__", ())])
