"""Keeps the steps of running episodes, in whole batches: recording costs one append a step."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.rollout.episode import Trajectory
from lrs_lightning.rollout.stacks import Kept, StackKeeper

Array = NDArray[Any]


class Recorder:
    """Batches of the last steps, until no running episode needs them any more.

    Stacks of frames are kept once a frame (see `StackKeeper`), and are whole again in a trajectory.

    Args:
        rows: number of slots N.
    """

    def __init__(self, rows: int) -> None:
        self._batches: deque[tuple[Kept, Array, Array, Array]] = deque()
        self._first = 0  # number of the oldest batch that is kept
        self._begun = np.zeros(rows, np.int64)
        self._stacks = StackKeeper()

    def begin(self, rows: NDArray[np.int64]) -> None:
        """Slots `rows` start an episode with the next batch."""
        self._begun[rows] = self._first + len(self._batches)

    def append(
        self,
        observations: Array,
        actions: Array,
        labels: Array,
        rewards: Array,
        running: NDArray[np.bool_],
    ) -> None:
        """Keep a step of the slots `running (N,)`; the arrays must not be written to afterwards."""
        starts = self._begun == self._first + len(self._batches)
        kept = self._stacks.thin(observations, starts, running)
        self._batches.append((kept, actions, labels, rewards))

    def trajectory(self, row: int, length: int) -> Trajectory:
        """The first `length` steps of the episode in slot `row`."""
        start = int(self._begun[row]) - self._first
        steps = [self._batches[start + t] for t in range(length)]
        observations = self._stacks.whole([step[0] for step in steps], row)
        actions, labels, rewards = (np.array([s[part][row] for s in steps]) for part in (1, 2, 3))
        return Trajectory(observations, actions, labels, rewards)

    def forget(self, running: NDArray[np.bool_]) -> None:
        """Let go of batches that are older than every running episode `(N,)`."""
        oldest = self._begun[running].min(initial=self._first + len(self._batches))
        while self._first < oldest:
            self._batches.popleft()
            self._first += 1
