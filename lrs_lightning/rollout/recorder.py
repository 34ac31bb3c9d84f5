"""Keeps the steps of running episodes, in whole batches: recording costs one append a step."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.rollout.decisions import Decided
from lrs_lightning.rollout.episode import Trajectory
from lrs_lightning.rollout.stacks import Kept, StackKeeper

Array = NDArray[Any]


class _Step(NamedTuple):
    observations: Kept
    actions: Array
    decided: Decided
    rewards: Array


class Recorder:
    """Batches of the last steps, until no running episode needs them any more.

    Stacks of frames are kept once a frame (see `StackKeeper`), and are whole again in a trajectory.

    Args:
        rows: number of slots N.
        of_policy: name -> its slots, for the states that policies remember.
    """

    def __init__(self, rows: int, of_policy: Mapping[str, slice] | None = None) -> None:
        self._batches: deque[_Step] = deque()
        self._first = 0  # number of the oldest batch that is kept
        self._begun = np.zeros(rows, np.int64)
        self._stacks = StackKeeper()
        self._of_policy = dict(of_policy or {})

    def begin(self, rows: NDArray[np.int64]) -> None:
        """Slots `rows` start an episode with the next batch."""
        self._begun[rows] = self._first + len(self._batches)

    def append(
        self,
        observations: Array,
        actions: Array,
        decided: Decided,
        rewards: Array,
        running: NDArray[np.bool_],
    ) -> None:
        """Keep a step of the slots `running (N,)`; the arrays must not be written to afterwards."""
        starts = self._begun == self._first + len(self._batches)
        kept = self._stacks.thin(observations, starts, running)
        self._batches.append(_Step(kept, actions, decided, rewards))

    def trajectory(self, row: int, length: int, final: Array | None = None) -> Trajectory:
        """The first `length` steps of the episode in slot `row`, and what was seen at last."""
        start = int(self._begun[row]) - self._first
        steps = [self._batches[start + t] for t in range(length)]
        decided = [step.decided for step in steps]
        wanted = np.array([d.wanted[row] for d in decided])
        labelled = any(d.labels is not d.wanted for d in decided)
        return Trajectory(
            observations=self._stacks.whole([step.observations for step in steps], row),
            actions=np.array([step.actions[row] for step in steps]),
            wanted=wanted,
            labels=np.array([d.labels[row] for d in decided]) if labelled else wanted,
            rewards=np.array([step.rewards[row] for step in steps]),
            states=self._states(decided, row),
            final=None if final is None else final.copy(),
        )

    def forget(self, running: NDArray[np.bool_]) -> None:
        """Let go of batches that are older than every running episode `(N,)`."""
        oldest = self._begun[running].min(initial=self._first + len(self._batches))
        while self._first < oldest:
            self._batches.popleft()
            self._first += 1

    def _states(self, decided: list[Decided], row: int) -> dict[str, Array]:
        for name, of in self._of_policy.items():
            if of.start <= row < of.stop and decided and name in decided[0].states:
                parts = [d.states[name] for d in decided]
                return {k: np.array([p[k][row - of.start] for p in parts]) for k in parts[0]}
        return {}
