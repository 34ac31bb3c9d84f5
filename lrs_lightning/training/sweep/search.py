"""A search in the place of a grid: Optuna proposes, populations train, several objectives decide.

A trial is a point of the space with every combination of the seeds; its values are means over them.
Trials are asked for in batches that are trained side by side, and a batch follows from the study
alone, so that a search that was ended goes on with the very trials that it was at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lrs_lightning.errors import ArgumentError, DataError
from lrs_lightning.statistics.summary import Summary
from lrs_lightning.training.population.section import combinations, long_key, name_of
from lrs_lightning.training.sweep.plan import Point, Run, runs_of
from lrs_lightning.training.sweep.running import STUDY

OBJECTIVES = {"clean": "maximize", "worst": "maximize", "parameters": "minimize"}
"""Share of the expert's return, clean and under the worst shift, and the size of the policy."""
_NAME = "sweep"
Space = Mapping[str, Any]
"""Key -> a list of values, or a range: `low`, `high`, and perhaps `log` or `step`."""


@dataclass(frozen=True)
class Batch:
    """Trials that are trained side by side.

    Args:
        trials: of Optuna.
        points: of each trial, one for each combination of seeds.
        runs: that train them.
    """

    trials: list[Any]
    points: list[list[Point]]
    runs: list[Run]


class Search:
    """A study of Optuna, in a file or wherever an address says.

    Args:
        space: what is searched.
        seeds: crossed with each other and with every trial.
        base: configuration of `fit` that all have in common.
        members: at most so many are trained side by side.
        storage: address of the study; None for a file of SQLite in `out`.
        out: folder of the sweep.

    Raises:
        ArgumentError: Optuna is not installed, or the space is none.
        DataError: the address does not answer.
    """

    def __init__(
        self,
        space: Space,
        seeds: Mapping[str, Any],
        base: Mapping[str, Any],
        members: int,
        out: Path,
        storage: str | None = None,
    ) -> None:
        self._optuna = _optuna()
        self._space = {key: self._distribution(key, of) for key, of in space.items()}
        if not self._space:
            raise ArgumentError("a search needs a grid, e.g. grid: {rank: {low: 1, high: 32}}")
        self._draws = combinations(seeds, "seeds") if seeds else [{}]
        self._base, self._members, self._out = base, members, out
        self.size = max(1, members // len(self._draws))
        """Trials of a batch."""
        self._study = self._open(storage or f"sqlite:///{(out / STUDY).resolve()}")

    def batches(self, trials: int, train: Callable[[Sequence[Run]], int]) -> int:
        """Ask for trials and train them, batch by batch, until there are so many.

        Args:
            trials: of the whole search, those of earlier calls included.
            train: trains runs; returns an exit code, of which 0 and 3 are good ones.

        Returns:
            The first exit code that is none of these, else 0, or 3 where members stopped.
        """
        worst = runs = 0
        for first in range(0, trials, self.size):
            batch = self._batch(first, min(self.size, trials - first), runs)
            runs += len(batch.runs)
            if all(trial.state.is_finished() for trial in batch.trials):
                continue
            code = train(batch.runs)
            if code not in (0, 3):
                return code
            worst = worst or code
            self._tell(batch)
        return worst

    def points(self) -> list[tuple[Run, Point]]:
        """All points so far, and the run of each."""
        found, runs = [], 0
        asked = len(self._study.get_trials(deepcopy=False))
        for first in range(0, asked, self.size):
            batch = self._batch(first, min(self.size, asked - first), runs)
            runs += len(batch.runs)
            found += [(run, point) for run in batch.runs for point in run.points]
        return found

    def front(self) -> list[dict[str, Any]]:
        """Trials that no other one beats in all objectives: parameters and values of each."""
        return [
            {
                "trial": trial.number,
                **trial.params,
                **dict(zip(OBJECTIVES, trial.values, strict=True)),
            }
            for trial in sorted(self._study.best_trials, key=lambda trial: trial.number)
        ]

    def _open(self, storage: str) -> Any:
        optuna = self._optuna
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._out.mkdir(parents=True, exist_ok=True)
        try:
            study = optuna.create_study(
                storage=storage,
                study_name=_NAME,
                directions=list(OBJECTIVES.values()),
                load_if_exists=True,
            )
            # Of a study that goes on the draws go on, rather than begin anew.
            count = len(study.get_trials(deepcopy=False))
            study.sampler = optuna.samplers.TPESampler(seed=count, constant_liar=True)
        except Exception as error:  # of whatever database stands behind the address
            reason = " ".join(str(error).split())[:200]
            raise DataError(f"the study {storage} cannot be opened: {reason}") from error
        return study

    def _batch(self, first: int, count: int, runs: int) -> Batch:
        """The trials from a number on, asked for where they are not there yet."""
        known = self._study.get_trials(deepcopy=False)[first : first + count]
        for _ in range(count - len(known)):
            self._study.ask(self._space)
        trials = self._study.get_trials(deepcopy=False)[first : first + count]
        points = [self._points(trial.number, trial.params) for trial in trials]
        made = runs_of([p for own in points for p in own], self._base, self._members)
        return Batch(trials, points, [replace(run, number=run.number + runs) for run in made])

    def _points(self, number: int, params: Mapping[str, Any]) -> list[Point]:
        cell = {"trial": number, **params}
        return [
            Point(
                name_of({"trial": number, **draw}),
                cell,
                dict(draw),
                {long_key(key): value for key, value in {**params, **draw}.items()},
            )
            for draw in self._draws
        ]

    def _tell(self, batch: Batch) -> None:
        """What came out; a trial of which a member has stopped has failed."""
        folders = {
            point.name: self._out / "runs" / run.name / "members" / point.name
            for run in batch.runs
            for point in run.points
        }
        failed = self._optuna.trial.TrialState.FAIL
        for trial, points in zip(batch.trials, batch.points, strict=True):
            if trial.state.is_finished():
                continue
            values = [values_of(folders[point.name]) for point in points]
            known = [one for one in values if one is not None]
            if len(known) < len(values):
                self._study.tell(trial.number, state=failed)
            else:
                self._study.tell(trial.number, np.mean(known, axis=0).tolist())

    def _distribution(self, key: str, of: Any) -> Any:
        kinds = self._optuna.distributions
        if isinstance(of, list) and of:
            return kinds.CategoricalDistribution(of)
        if not isinstance(of, Mapping) or not {"low", "high"} <= set(of) <= {
            "low", "high", "log", "step",
        }:  # fmt: skip
            raise ArgumentError(
                f"grid: {key} is {of!r}, expected a list of values, or low and high, and perhaps "
                "log or step"
            )
        whole = all(type(of[end]) is int for end in ("low", "high"))
        kind = kinds.IntDistribution if whole else kinds.FloatDistribution
        try:
            return kind(**of)
        except ValueError as error:
            raise ArgumentError(f"grid: {key}: {error}") from error


def values_of(folder: Path) -> tuple[float, float, float] | None:
    """The objectives of a member, from its run folder; None where it has stopped."""
    if not (folder / "summary.json").is_file():
        return None
    summary = Summary.read(folder)
    given = [condition["expert_normalized"] for condition in summary.conditions]
    shares = [float(share) for share in given if share is not None]
    if len(shares) < len(given):
        return None
    clean, *shifted = shares
    return clean, min(shifted, default=clean), float(summary.policy["parameters"])


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise ArgumentError(
            "--search optuna needs Optuna: pip install 'lrs-lightning[search]'"
        ) from error
    return optuna
