"""What a random policy and the expert earn in the clean world: 0 and 1 of normalised returns.

Both play the very episodes that are judged. What they earned is kept beside the results, a line an
episode, and used again wherever the task, the seeds, the player and the simulator are the same: so
`evaluate` of a run has the scale that `fit` had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lrs_lightning import envs
from lrs_lightning.errors import LrsError
from lrs_lightning.evaluation.identity import fingerprint, simulator_changes
from lrs_lightning.evaluation.provenance import provenance, row_columns
from lrs_lightning.evaluation.settings import in_words, judged_with
from lrs_lightning.experts import SHIPPED, load_expert
from lrs_lightning.rollout import Policy, RandomPolicy, rollout
from lrs_lightning.shifts import CLEAN
from lrs_lightning.statistics.result_line import Row
from lrs_lightning.statistics.results import ResultsWriter, episode_row, latest, read_results

FILE = "references.jsonl"
EXPERT, RANDOM = "expert", "random"


@dataclass(frozen=True)
class _Player:
    """Who plays a reference: the policy, what tells it from others, and where it is from."""

    policy: Policy
    fingerprint: str | None
    source: str


class References:
    """Clean returns of the expert and of a random policy; each plays each seed once.

    The expert is whoever demonstrated, if it can be loaded, else the one that ships with the
    package, else nobody.

    Args:
        env_id: the task.
        expert: who demonstrated: `"shipped"`, or the path of an expert. None takes the one that a
            folder of `known` names.
        out: folder where the episodes are kept; None keeps them in memory.
        known: run folders whose references may be used.
        threads: of the environments; no result depends on it.
        timeout: seconds that a call may take; see `rollout`.
        env_kwargs: arguments of `envs.make`; None takes those with which the task is judged.
        load: from an expert's name and the task to the expert; `load_expert` by default.
    """

    def __init__(
        self,
        env_id: str,
        expert: str | None = None,
        out: str | Path | None = None,
        known: Iterable[str | Path] = (),
        threads: int | None = None,
        timeout: float | None = None,
        env_kwargs: Mapping[str, Any] | None = None,
        load: Callable[[str, str], Policy] | None = None,
    ) -> None:
        self.env_id, self.threads = envs.describe(env_id).env_id, threads
        self.timeout, self._settings = timeout, judged_with(self.env_id, env_kwargs)
        self._file = None if out is None else Path(out) / FILE
        self._kept = _read(self._file) if self._file else []
        self._rows = [*self._kept, *(row for folder in known for row in _read(Path(folder) / FILE))]
        self._players = _players(self.env_id, expert or _source(self._rows), load or load_expert)

    @property
    def expert(self) -> str | None:
        """Where the expert is from; None where there is none."""
        return self._players[EXPERT].source if EXPERT in self._players else None

    def over(self, seeds: Sequence[int]) -> dict[str, float]:
        """Mean returns `expert` and `random` on these seeds; who is missing is left out.

        Raises:
            DataError: the folder cannot be written.
        """
        wanted = set(seeds)
        rows = [row for row in latest(self._rows) if row["seed"] in wanted and self._fits(row)]
        done = {(row["policy"], row["seed"]) for row in rows}
        played = self._play(seeds, done)
        self._keep(rows, played)
        self._rows += played
        ok = [row for row in (*rows, *played) if row["status"] == "ok"]
        by_seed = sorted(ok, key=lambda row: row["seed"])
        returns = {n: [r["return"] for r in by_seed if r["policy"] == n] for n in self._players}
        return {name: float(np.mean(values)) for name, values in returns.items() if values}

    def _fits(self, row: Row) -> bool:
        player = self._players.get(row["policy"])
        same = player is not None and row.get("policy_id") == player.fingerprint
        in_place = row["env"] == self.env_id and row["shift"] == CLEAN and row["status"] == "ok"
        set_up = row.get("settings", "") == in_words(self._settings)
        return same and in_place and set_up and not simulator_changes(row)

    def _play(self, seeds: Sequence[int], done: set[tuple[str, int]]) -> list[Row]:
        missing = {
            name: player.policy
            for name, player in self._players.items()
            if any((name, seed) not in done for seed in seeds)
        }
        if not missing:
            return []
        keys = [(n, CLEAN, 0, k) for n in missing for k, s in enumerate(seeds) if (n, s) in done]
        origin = row_columns(provenance())
        if self._settings:
            origin["settings"] = in_words(self._settings)
        return [
            episode_row(
                episode,
                **origin,
                policy_id=self._players[episode.policy].fingerprint,
                source=self._players[episode.policy].source,
            )
            for episode in rollout(
                missing,
                self.env_id,
                [CLEAN],
                seeds,
                threads=self.threads,
                done=keys,
                timeout=self.timeout,
                env_kwargs=self._settings,
            )
        ]

    def _keep(self, used: list[Row], played: list[Row]) -> None:
        new = [row for row in (*used, *played) if row not in self._kept]
        if self._file is not None and new:
            with ResultsWriter(self._file) as writer:
                writer.write_rows(new)
            self._kept += new


def _players(
    env_id: str, expert: str | None, load: Callable[[str, str], Policy]
) -> dict[str, _Player]:
    found = {}
    for source in dict.fromkeys((expert or SHIPPED, SHIPPED)):
        try:
            policy = load(source, env_id)
        except LrsError:  # imported demonstrations come without their expert
            continue
        found[EXPERT] = _Player(policy, fingerprint(policy), source)
        break
    try:
        random = RandomPolicy(envs.describe(env_id).action_space)
    except LrsError:  # a box without bounds
        return found
    return {**found, RANDOM: _Player(random, fingerprint(random), RANDOM)}


def _source(rows: Iterable[Row]) -> str | None:
    """Where the expert of a run is from."""
    return next((row.get("source") for row in rows if row["policy"] == EXPERT), None)


def _read(file: Path) -> list[Row]:
    return read_results(file) if file.is_file() else []
