"""Which episodes belong to an evaluation, and which of them an earlier one has played."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from lrs_lightning.errors import DataError
from lrs_lightning.evaluation.identity import (
    condition_fingerprint,
    fingerprint,
    simulator_changes,
)
from lrs_lightning.evaluation.played_on import backend_column
from lrs_lightning.evaluation.settings import in_words
from lrs_lightning.rollout import Policy, Progress, rollout
from lrs_lightning.shifts import Condition, ShiftContext
from lrs_lightning.statistics.result_line import Row
from lrs_lightning.statistics.results import (
    ResultsWriter,
    condition_name,
    episode_row,
    latest,
    read_results,
)
from lrs_lightning.statistics.training_seeds import seed_columns


@dataclass(frozen=True)
class Plan:
    """Every policy under every condition on every seed.

    Args:
        policies: name -> policy.
        env_id: the task.
        conditions: what is shifted.
        seeds: of the episodes.
        step: training step of the policies, where there is one.
        unit: of sensor noise, by name.
        about: policy name -> what is known of it; its training seeds stand in each row.
        settings: arguments of `envs.make`.
    """

    policies: dict[str, Policy]
    env_id: str
    conditions: list[Condition]
    seeds: Sequence[int]
    step: int | None
    unit: str
    about: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of episodes."""
        return len(self.policies) * len(self.conditions) * len(self.seeds)

    @cached_property
    def policy_ids(self) -> dict[str, str | None]:
        """Name of a policy -> what tells it from others of its name."""
        return {name: fingerprint(policy) for name, policy in self.policies.items()}

    @cached_property
    def backend_columns(self) -> dict[str, dict[str, str]]:
        """Name of a policy -> what its rows say of the backend of its recurrence."""
        return {name: backend_column(policy) for name, policy in self.policies.items()}

    @cached_property
    def condition_ids(self) -> dict[str, str]:
        """Text of a condition -> what it does."""
        settings = in_words(self.settings)
        return {str(c): condition_fingerprint(c, self.unit, settings) for c in self.conditions}

    def already_played(self, file: Path | None) -> list[Row]:
        """The rows of an earlier run that need not be played again.

        Raises:
            DataError: they are of another policy of the name, of a shift of other strength or unit,
                or of another simulator: with new ones they would be compared, and must not be.
        """
        if file is None or not file.exists():
            return []
        rows = [row for row in latest(read_results(file)) if self._is_ours(row)]
        for row in rows:
            self._check_same(row, file)
        return [
            row
            for row in rows
            if row["status"] == "ok"
            and row["condition"] in self.condition_ids
            and row["seed"] in self.seeds
        ]

    def play(
        self,
        kept: Sequence[Row],
        context: ShiftContext | None,
        threads: int | None,
        on_progress: Callable[[Progress], None] | None,
        writer: ResultsWriter | None,
        timeout: float | None = None,
    ) -> Iterator[Row]:
        """Play what is missing, and write each episode as it ends."""
        if len(kept) == self.size:  # not even the unit of sensor noise is asked for
            return
        first = self.seeds[0]
        played = rollout(
            self.policies,
            self.env_id,
            self.conditions,
            self.seeds,
            context,
            threads=threads,
            done=[(r["policy"], r["shift"], r["severity"], r["seed"] - first) for r in kept],
            on_progress=on_progress,
            timeout=timeout,
            env_kwargs=self.settings,
        )
        for episode in played:
            columns: dict[str, Any] = {
                "policy_id": self.policy_ids[episode.policy],
                "condition_id": self.condition_ids[condition_name(vars(episode))],
                **self.backend_columns[episode.policy],
                **seed_columns(self.about.get(episode.policy, {})),
            }
            if self.step is not None:
                columns["step"] = self.step
            if writer is None:
                yield episode_row(episode, **columns)
            else:
                yield writer.write(episode, **columns)

    def _is_ours(self, row: Row) -> bool:
        named = row["policy"] in self.policies and row["env"] == self.env_id
        return named and row.get("step") == self.step and "condition" in row

    def _check_same(self, row: Row, file: Path) -> None:
        """Episodes that differ in more than their seed must not be mixed."""
        name, condition = row["policy"], row["condition"]
        if row.get("policy_id") != self.policy_ids[name]:
            raise DataError(
                f"{file} holds episodes of another policy named {name!r}: choose another folder"
            )
        if self.condition_ids.get(condition) not in (None, row.get("condition_id")):
            raise DataError(
                f"{file} holds episodes of {condition} in another strength, unit or setting of the "
                "environment, e.g. noise measured in other deviations; choose another folder"
            )
        for simulator, then, now in simulator_changes(row):
            raise DataError(
                f"{file} holds episodes of {simulator} {then} and {now} is installed: choose "
                "another folder"
            )
