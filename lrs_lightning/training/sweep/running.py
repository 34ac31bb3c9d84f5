"""Train the runs of a sweep, wherever a launcher does; what is finished is not trained again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lrs_lightning.errors import DataError
from lrs_lightning.files import write_whole
from lrs_lightning.training.checkpoint_files import FOLDER, LAST
from lrs_lightning.training.run_folder import MEMBERS
from lrs_lightning.training.sweep.launchers.launcher import Ended, Job, Launcher
from lrs_lightning.training.sweep.pace import Pace
from lrs_lightning.training.sweep.plan import Point, Run

RUNS = "runs"
FINISHED = "finished.txt"
DECLARED = "sweep.yaml"
STUDY = "study.db"  # of a search

_ENDED = (0, 3)  # all members, or all but those that stopped
_DEATHS = 3  # so many tries may die one after the other without a new checkpoint


@dataclass
class Sweep:
    """A sweep and its folder.

    Args:
        out: the folder.
        runs: what is to be trained.
        launcher: trains one, or several at a time.
        say: prints a line.
        say_error: prints one to the other stream.
        on_finished: is called after each run that has ended well.
    """

    out: Path
    runs: Sequence[Run]
    launcher: Launcher
    say: Callable[[str], None] = print
    say_error: Callable[[str], None] = lambda line: print(line, file=sys.stderr)
    on_finished: Callable[[], None] = lambda: None
    _deaths: dict[str, list[int]] = field(default_factory=dict, init=False, repr=False)

    def declare(self, content: dict[str, Any]) -> None:
        """Write down what is swept, or see that it is what this folder was made for.

        A declaration of which no run was ever begun, since all were refused, gives way to another.

        Raises:
            DataError: the folder holds another sweep.
        """
        text = yaml.safe_dump(content, sort_keys=False)
        file = self.out / DECLARED
        if not file.is_file() or not self._has_begun():
            write_whole(file, text)
        elif file.read_text(encoding="utf-8") != text:
            raise DataError(
                f"{self.out} holds a sweep of another grid ({file}): choose another --out, or "
                "declare what it says"
            )

    def train(self) -> int:
        """Train what is missing; where a run fails, the others go on.

        Returns:
            The exit code of the first run that ended otherwise than well; 3 where members stopped.

        Raises:
            LrsError: the launcher can train no run any more.
        """
        missing = {run.name: run for run in self.runs if not is_finished(self.out, run)}
        pace = Pace(_count(self.runs), _count(missing.values()), self.launcher.slots)
        self.say(pace.begin(len(self.runs), len(missing)))
        for run in missing.values():
            self.launcher.start(self._job(run))
        failed, code = 0, 0
        while missing:
            ended = self.launcher.wait()
            run = missing[ended.job.name]
            if self._may_go_on(run, ended):
                self.launcher.start(self._job(run))
                continue
            del missing[run.name]
            if ended.code in _ENDED:
                code = code or ended.code
                self._finish(run, ended, pace)
            else:
                failed = failed or ended.code or 1
                pace.left_out(len(run.points))
                rest = ", the others go on" if missing else ""
                self.say_error(f"error: run {run.name} failed{rest}: {ended.reason}")
        return failed or code

    def finished(self) -> list[tuple[Point, Path]]:
        """The points of all runs that have ended well, and the run folder of each."""
        done = [run for run in self.runs if is_finished(self.out, run)]
        return [(point, self.member(run, point)) for run in done for point in run.points]

    def _has_begun(self) -> bool:
        return any((self.out / name).exists() for name in (RUNS, STUDY))

    def _finish(self, run: Run, ended: Ended, pace: Pace) -> None:
        write_whole(self.folder(run) / FINISHED, f"exit code {ended.code}\n")
        for line in pace.tell(len(run.points), ended.seconds, self.folder(run)):
            self.say(line)
        self.on_finished()

    def _may_go_on(self, run: Run, ended: Ended) -> bool:
        """Whether a run whose process has died is tried again: not for ever at one checkpoint."""
        if ended.code is not None:
            return False
        last = self.folder(run) / FOLDER / LAST
        saved = last.stat().st_mtime_ns if last.is_file() else 0
        deaths = self._deaths.setdefault(run.name, [])
        deaths[:] = [*(at for at in deaths if at == saved), saved]
        again = len(deaths) < _DEATHS
        where = "from its last checkpoint" if saved else "from the start"
        then = f"it goes on {where}" if again else f"{_DEATHS} times at one place"
        self.say(f"sweep: the process of run {run.name} has died ({ended.reason}): {then}")
        return again

    def folder(self, run: Run) -> Path:
        """Its run folder, that of a population."""
        return self.out / RUNS / run.name

    def member(self, run: Run, point: Point) -> Path:
        """The run folder of a point."""
        return self.folder(run) / MEMBERS / point.name

    def _job(self, run: Run) -> Job:
        folder = self.folder(run)
        file = self.out / "configurations" / f"{run.name}.yaml"
        begun = (folder / FOLDER / LAST).is_file()
        if not (begun and file.is_file()):  # it goes on as it was begun, on as many threads
            write_whole(file, yaml.safe_dump(run.configuration, sort_keys=False))
        words = [
            f"--config={file}",
            f"--trainer.logger.save_dir={self.out}",
            f"--trainer.logger.name={RUNS}",
            f"--trainer.logger.version={run.name}",
            *([f"--ckpt_path={folder}"] if begun else []),
        ]
        return Job(run.name, words, folder)


def is_finished(out: Path, run: Run) -> bool:
    """Whether a run of the sweep in `out` and its evaluation have ended."""
    return (out / RUNS / run.name / FINISHED).is_file()


def _count(runs: Iterable[Run]) -> int:
    return sum(len(run.points) for run in runs)
