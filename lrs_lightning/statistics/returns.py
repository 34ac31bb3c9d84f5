"""Rows of episodes as one array, the form in which statistics and figures read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.statistics.estimates import Array
from lrs_lightning.statistics.result_line import Row
from lrs_lightning.statistics.results import condition_name, latest

CLEAN = "clean"
Places: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True)
class Column:
    """A condition: its text, the shift it names, and the severity."""

    name: str
    shift: str
    severity: int


@dataclass(frozen=True)
class Returns:
    """Returns of P policies in C conditions on E seeds; NaN where an episode is missing or failed.

    Seeds are the last axis everywhere, so that policies and conditions stand in pairs.

    Args:
        policies: their names.
        conditions: the clean one first.
        seeds: of the episodes.
        values: returns, `(P, C, E)`.
        outcomes: `(P, C, E)`, of each episode the place of the first one of the same policy and
            condition that went exactly alike: thirty games that are four different ones are four
            draws, not thirty. By default all differ.
    """

    policies: tuple[str, ...]
    conditions: tuple[Column, ...]
    seeds: tuple[int, ...]
    values: Array
    outcomes: Places = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        if not self.outcomes.size:
            every = np.broadcast_to(np.arange(self.values.shape[-1]), self.values.shape)
            object.__setattr__(self, "outcomes", every)

    @classmethod
    def from_rows(cls, rows: Iterable[Row]) -> Returns:
        """Gather rows in order of appearance; the clean condition comes first."""
        kept = latest(rows)
        policies = tuple(dict.fromkeys(row["policy"] for row in kept))
        found = dict.fromkeys(column_of(row) for row in kept)
        conditions = tuple(sorted(found, key=lambda c: c.name != CLEAN))
        seeds = tuple(sorted({row["seed"] for row in kept}))
        place = [{x: i for i, x in enumerate(axis)} for axis in (policies, conditions, seeds)]
        values = np.full([len(axis) for axis in place], np.nan)
        outcomes = np.broadcast_to(np.arange(len(seeds)), values.shape).copy()
        first: dict[tuple[Any, ...], int] = {}
        for row in kept:
            if row["status"] == "ok" and row["return"] is not None:
                p, c, e = place[0][row["policy"]], place[1][column_of(row)], place[2][row["seed"]]
                values[p, c, e] = row["return"]
                outcomes[p, c, e] = first.setdefault((p, c, *outcome(row)), e)
        return cls(policies, conditions, seeds, values, outcomes)

    def of(self, policy: str) -> Array:
        """Returns of one policy, `(C, E)`."""
        values: Array = self.values[self.policies.index(policy)]
        return values

    def select(self, keep: Sequence[bool]) -> Returns:
        """The conditions for which `keep` is true."""
        chosen = tuple(c for c, k in zip(self.conditions, keep, strict=True) if k)
        which = np.asarray(keep, bool)
        return replace(
            self,
            conditions=chosen,
            values=self.values[:, which],
            outcomes=self.outcomes[:, which],
        )

    def different(self, policies: Sequence[str]) -> Places:
        """How many episodes differ in each condition, those of these policies together: `(C,)`."""
        places = [self.policies.index(name) for name in policies]
        have = np.isfinite(self.values[places])
        return np.asarray(different_labels(self.outcomes[places], have).sum(0))

    def shifted(self) -> Returns:
        """All conditions but the clean one."""
        return self.select([c.name != CLEAN for c in self.conditions])


def different_labels(labels: Places, have: Flags) -> Places:
    """How many of the labels `(..., E)` differ, of those that are there: `(...)`."""
    ordered = np.sort(np.where(have, labels, -1), axis=-1)
    return np.asarray((np.diff(ordered, axis=-1, prepend=-1) > 0).sum(-1))


def finite(values: Array) -> Array:
    """The episodes that count, `(<= E,)`."""
    return values[np.isfinite(values)]


def outcome(row: Row) -> tuple[Any, ...]:
    """What two episodes share that went exactly alike: every action and reward of theirs.

    Files of old do not know of that; there the same return after the same number of steps counts.
    """
    told = row.get("outcome")
    return (told,) if isinstance(told, str) and told else (row["return"], row["length"])


def column_of(row: Row) -> Column:
    """The condition in which an episode was played."""
    return Column(condition_name(row), str(row["shift"]), int(row["severity"]))
