"""A condition at work: its shifts, applied to the episodes that are played under it.

Letters: N slots in which episodes are played, n of them under this condition now.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.errors import EnvironmentMismatchError
from lrs_lightning.shifts.base import Array, Moment, Shift, ShiftContext
from lrs_lightning.shifts.condition import Component, Condition
from lrs_lightning.shifts.draws import Draws, Rows, episode_key
from lrs_lightning.shifts.frames import FrameAdapter
from lrs_lightning.shifts.kinds import kind_of
from lrs_lightning.shifts.registry import build, without_effect

# A changing physics needs a model for each level: ramps move in tenths of the severity.
_DYNAMICS_LEVELS = 10


class _Active:
    """A shift with its schedule, its random numbers, and its part in the key of an episode."""

    def __init__(self, component: Component, shift: Shift, rows: int, occurrence: int) -> None:
        self.shift, self.schedule = shift, component.schedule
        self.method = kind_of(shift.domain).method
        self.names = (component.name, component.severity, occurrence)
        self.draws = Draws(rows, np.float32 if shift.domain == "frames" else np.float64)

    def begin(self, rows: Rows, seeds: list[int], episodes: list[int]) -> None:
        pairs = zip(seeds, episodes, strict=True)
        keys = [episode_key(seed, *self.names, episode) for seed, episode in pairs]
        self.draws.begin(rows, keys)
        self.shift.begin(self.moment(rows, np.zeros(len(rows), np.int64)))

    def moment(self, rows: Rows, times: Rows) -> Moment:
        level = np.ones(len(rows)) if self.schedule.constant else self.schedule.level(times)
        return Moment(rows, times, level, self.draws)

    def observe(self, observations: Array, rows: Rows, times: Rows) -> Array:
        now = self.moment(rows, times)
        shifted = self.shift.observe(observations, now)
        return self._faded(observations, shifted, now)

    def act(self, actions: Array, rows: Rows, times: Rows) -> Array:
        now = self.moment(rows, times)
        return self._faded(actions, self.shift.act(actions, now), now)

    def _faded(self, clean: Array, shifted: Array, now: Moment) -> Array:
        """Where the schedule is partly up, part of the shift; where it is down, nothing at all."""
        if self.schedule.constant:
            return shifted
        level = now.per_row(clean) if clean.dtype.kind == "f" else None
        if self.shift.fades and level is not None:
            shifted = np.where(level == 1, shifted, clean + level * (shifted - clean))
        up = (now.level > 0).reshape(-1, *(1,) * (clean.ndim - 1))
        return np.where(up, shifted, clean)


def _refuse_without_effect(part: Component, shift: Shift) -> None:
    reason = without_effect(part, shift)
    if reason is not None:
        raise EnvironmentMismatchError(
            f"condition {part} would be played without any effect: {reason}; leave it out"
        )


class ShiftedWorld:
    """The shifts of a condition, for N slots.

    Everything is a function of (seed, shift, severity, episode, step); the environment's own random
    state is never touched. A component at severity 0 is left out: clean to the last bit.

    Args:
        condition: what is shifted, and how much.
        context: what is known of the task.
        rows: number of slots N.

    Raises:
        LrsError: an unknown shift, a severity out of range, a shift this task does not allow, or
            one that would change nothing in it.
    """

    def __init__(self, condition: Condition, context: ShiftContext, rows: int) -> None:
        self.condition, self.context = condition, context
        seen: Counter[str] = Counter()
        active = []
        for part in condition.components:
            # Severity 0 does nothing, but its name and domain must exist like any other's.
            shift = build(replace(part, severity=part.severity or 1), context, rows)
            if part.severity:
                _refuse_without_effect(part, shift)
                active.append(_Active(part, shift, rows, seen[part.name]))
            seen[part.name] += 1
        self._active = active
        # What an observation is decides how it is handed over: only the newest frame of a stack.
        self._observing = [a for a in active if a.method == "observe"]
        self._acting = [a for a in active if a.method == "act"]
        self._editing = [a for a in active if a.method == "edit"]
        frames = any(a.shift.domain == "frames" for a in self._observing)
        self._adapter = FrameAdapter(context, rows) if frames else None
        self._models: dict[tuple[float, ...], Any] = {}

    @property
    def observes(self) -> bool:
        """Whether observations are shifted."""
        return bool(self._observing)

    @property
    def acts(self) -> bool:
        """Whether actions are shifted."""
        return bool(self._acting)

    @property
    def edits(self) -> bool:
        """Whether the physics is edited."""
        return bool(self._editing)

    @property
    def edits_over_time(self) -> bool:
        """Whether the physics changes within an episode."""
        return any(not a.schedule.constant for a in self._editing)

    def begin(self, rows: Rows, seeds: list[int], episodes: list[int]) -> None:
        """Slots `rows (n,)` start these episodes."""
        for active in self._active:
            active.begin(rows, seeds, episodes)

    def observe(self, observations: Array, rows: Rows, times: Rows) -> Array:
        """What is seen instead of `observations (n, ...)` in slots `rows`, at steps `times`."""
        if self._adapter is not None:
            frames = self._adapter.newest(observations)
            for active in self._observing:
                frames = active.observe(frames, rows, times)
            return self._adapter.restore(frames, observations, rows, times)
        for active in self._observing:
            observations = active.observe(observations, rows, times)
        return observations

    def act(self, actions: Array, rows: Rows, times: Rows) -> Array:
        """What is executed instead of `actions (n, ...)` in slots `rows`, at steps `times`."""
        for active in self._acting:
            actions = active.act(actions, rows, times)
        return actions

    def levels(self, times: Rows) -> NDArray[np.float64]:
        """The level of each dynamics shift, `(n, K)`, in tenths."""
        levels = np.empty((len(times), len(self._editing)))
        for k, active in enumerate(self._editing):
            levels[:, k] = active.schedule.level(times)
        return np.round(levels * _DYNAMICS_LEVELS) / _DYNAMICS_LEVELS

    def model(self, levels: tuple[float, ...] | None = None) -> Any:
        """The edited physics at these levels (default: those of step 0), made once."""
        if levels is None:
            levels = tuple(self.levels(np.zeros(1, np.int64))[0].tolist())
        if levels not in self._models:
            model = self.context.base_model
            for active, level in zip(self._editing, levels, strict=True):
                model = active.shift.edit(model, level) if level > 0 else model
            self._models[levels] = model
        return self._models[levels]
