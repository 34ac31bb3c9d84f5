"""Rows of episodes as one array, the form in which statistics and figures read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lrs_lightning.statistics.estimates import Array
from lrs_lightning.statistics.results import Row, condition_name, latest

CLEAN = "clean"


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
    """

    policies: tuple[str, ...]
    conditions: tuple[Column, ...]
    seeds: tuple[int, ...]
    values: Array  # (P, C, E)

    @classmethod
    def from_rows(cls, rows: Iterable[Row]) -> Returns:
        """Gather rows in order of appearance; the clean condition comes first."""
        kept = latest(rows)
        policies = tuple(dict.fromkeys(row["policy"] for row in kept))
        found = dict.fromkeys(_column(row) for row in kept)
        conditions = tuple(sorted(found, key=lambda c: c.name != CLEAN))
        seeds = tuple(sorted({row["seed"] for row in kept}))
        place = [{x: i for i, x in enumerate(axis)} for axis in (policies, conditions, seeds)]
        values = np.full([len(axis) for axis in place], np.nan)
        for row in kept:
            if row["status"] == "ok" and row["return"] is not None:
                p, c, e = place[0][row["policy"]], place[1][_column(row)], place[2][row["seed"]]
                values[p, c, e] = row["return"]
        return cls(policies, conditions, seeds, values)

    def of(self, policy: str) -> Array:
        """Returns of one policy, `(C, E)`."""
        values: Array = self.values[self.policies.index(policy)]
        return values

    def select(self, keep: Sequence[bool]) -> Returns:
        """The conditions for which `keep` is true."""
        chosen = tuple(c for c, k in zip(self.conditions, keep, strict=True) if k)
        return replace(self, conditions=chosen, values=self.values[:, np.asarray(keep, bool)])

    def shifted(self) -> Returns:
        """All conditions but the clean one."""
        return self.select([c.name != CLEAN for c in self.conditions])


def finite(values: Array) -> Array:
    """The episodes that count, `(<= E,)`."""
    return values[np.isfinite(values)]


def _column(row: Row) -> Column:
    return Column(condition_name(row), str(row["shift"]), int(row["severity"]))
