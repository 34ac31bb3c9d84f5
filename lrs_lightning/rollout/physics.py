"""Which physics each slot has, for conditions that edit it, once or over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.shifts import ShiftedWorld

Rows = NDArray[np.int64]


class Physics:
    """Models for slots, from the conditions they play.

    Args:
        worlds: the conditions of the rollout.
    """

    def __init__(self, worlds: Sequence[ShiftedWorld]) -> None:
        self._worlds = worlds
        self.edited = any(world.edits for world in worlds)
        self._levels: dict[int, tuple[float, ...]] = {}

    def at_start(self, conditions: Mapping[int, int]) -> dict[int, Any]:
        """The models of slots that start an episode: slot -> condition to slot -> model."""
        return {row: self._worlds[condition].model() for row, condition in conditions.items()}

    def changes(self, rows_of: Mapping[int, Rows], times: Rows) -> dict[int, Any]:
        """The models of slots whose shift has moved on at the steps `times (N,)`."""
        models = {}
        for condition, rows in rows_of.items():
            world = self._worlds[condition]
            if not world.edits_over_time:
                continue
            levels = map(tuple, world.levels(times[rows]).tolist())
            for row, level in zip(rows.tolist(), levels, strict=True):
                if self._levels.get(row) != level:
                    models[row], self._levels[row] = world.model(level), level
        return models
