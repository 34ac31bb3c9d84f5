"""Train the runs of a sweep, one after the other; what is finished is not trained again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lrs_lightning.errors import DataError
from lrs_lightning.files import write_whole
from lrs_lightning.training.checkpoint_files import FOLDER, LAST
from lrs_lightning.training.population.module import MEMBERS
from lrs_lightning.training.sweep.plan import Point, Run

RUNS = "runs"
FINISHED = "finished.txt"
DECLARED = "sweep.yaml"

Fit = Callable[[list[str]], int]
"""Runs `fit` with some words, and returns its exit code."""
_ENDED = (0, 3)  # all members, or all but those that stopped


@dataclass
class Sweep:
    """A sweep and its folder.

    Args:
        out: the folder.
        runs: what is to be trained.
        fit: trains one.
        say: prints a line.
    """

    out: Path
    runs: Sequence[Run]
    fit: Fit
    say: Callable[[str], None] = print

    def declare(self, content: dict[str, Any]) -> None:
        """Write down what is swept, or see that it is what this folder was made for.

        Raises:
            DataError: the folder holds another sweep.
        """
        text = yaml.safe_dump(content, sort_keys=False)
        file = self.out / DECLARED
        if not file.is_file():
            write_whole(file, text)
        elif file.read_text(encoding="utf-8") != text:
            raise DataError(
                f"{self.out} holds a sweep of another grid ({file}): choose another --out, or "
                "declare what it says"
            )

    def train(self) -> int:
        """Train what is missing.

        Returns:
            The exit code of the first run that ended otherwise than well; 3 where members stopped.
        """
        missing = [run for run in self.runs if not self.is_finished(run)]
        total, left = _count(self.runs), _count(missing)
        done = f", {total - left} of them finished" if left < total else ""
        self.say(f"sweep: {total} members in {len(self.runs)} runs{done}")
        began, trained, code = time.monotonic(), 0, 0
        for run in missing:
            ended = self.fit(self._words(run))
            if ended not in _ENDED:
                return ended
            code = code or ended
            write_whole(self.folder(run) / FINISHED, f"exit code {ended}\n")
            trained += len(run.points)
            self._tell(run, time.monotonic() - began, trained, left, first=run is missing[0])
        return code

    def _tell(self, run: Run, seconds: float, trained: int, left: int, first: bool) -> None:
        each = seconds / trained
        if first:
            size = sum(f.stat().st_size for f in self.folder(run).rglob("*") if f.is_file())
            size = round(size / len(run.points) * _count(self.runs))
            self.say(
                f"sweep: measured on the first {trained} members: {each:.1f} s and "
                f"{size / _count(self.runs) / 1e6:.1f} MB a member; all {left} take about "
                f"{_duration(each * left)} and {size / 1e9:.2g} GB"
            )
        rest = _duration(each * (left - trained))
        self.say(f"sweep: {trained} of {left} members, {rest} to go")

    def is_finished(self, run: Run) -> bool:
        """Whether a run and its evaluation have ended."""
        return (self.folder(run) / FINISHED).is_file()

    def folder(self, run: Run) -> Path:
        """Its run folder, that of a population."""
        return self.out / RUNS / run.name

    def member(self, run: Run, point: Point) -> Path:
        """The run folder of a point."""
        return self.folder(run) / MEMBERS / point.name

    def _words(self, run: Run) -> list[str]:
        folder = self.folder(run)
        file = self.out / "configurations" / f"{run.name}.yaml"
        write_whole(file, yaml.safe_dump(run.configuration, sort_keys=False))
        begun = (folder / FOLDER / LAST).is_file()
        return [
            f"--config={file}",
            f"--trainer.logger.save_dir={self.out}",
            f"--trainer.logger.name={RUNS}",
            f"--trainer.logger.version={run.name}",
            *([f"--ckpt_path={folder}"] if begun else []),
        ]


def _count(runs: Sequence[Run]) -> int:
    return sum(len(run.points) for run in runs)


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
