"""The slots of a rollout: rows of the vector environment, and the episodes in them.

Letters: N slots, n of them at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.rollout.jobs import Job

Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Slots:
    """Who plays what where, for how long, with what return.

    Each slot belongs to one policy for good, and takes the next of its jobs when an episode ends.

    Args:
        jobs: the queue of each policy.
        shares: how many slots each policy has; those of one policy are neighbours.
    """

    def __init__(self, jobs: Mapping[str, deque[Job]], shares: Mapping[str, int]) -> None:
        self.count = sum(shares.values())
        self.of_policy: dict[str, slice] = {}
        self._queues: list[deque[Job]] = []
        for policy, share in shares.items():
            if share:
                self.of_policy[policy] = slice(len(self._queues), len(self._queues) + share)
            self._queues += [jobs[policy]] * share
        self.playing: list[Job | None] = [None] * self.count
        self.times = np.zeros(self.count, np.int64)
        self.seeds = np.zeros(self.count, np.int64)
        self.returns = np.zeros(self.count)
        self.starts = np.zeros(self.count, bool)
        self.running = np.zeros(self.count, bool)
        self.rows_of: dict[int, Rows] = {}
        """Condition -> slots that play it now."""

    @property
    def free(self) -> Rows:
        """Slots that have ended their episode and have another one to play."""
        waiting = np.fromiter(map(bool, self._queues), bool, self.count)
        return np.flatnonzero(~self.running & waiting)

    def take(self, rows: Rows) -> list[tuple[int, Job]]:
        """Put the next jobs into free slots, as far as there are any."""
        taken: list[tuple[int, Job]] = []
        for i in rows.tolist():
            if self._queues[i]:
                job = self._queues[i].popleft()
                self.playing[i], self.seeds[i] = job, job.seed
                taken.append((i, job))
        begun = [i for i, _ in taken]
        self.times[begun], self.returns[begun] = 0, 0.0
        self.starts[begun] = self.running[begun] = True
        return taken

    def advance(self, rewards: NDArray[np.floating], good: Flags) -> None:
        """Count a step of the slots `good (N,)`."""
        self.returns[good] += rewards[good]
        self.times[good] += 1
        self.starts[:] = False

    def regroup(self) -> None:
        """Find anew which slots play which condition."""
        conditions = [-1 if job is None else job.condition for job in self.playing]
        played = np.where(self.running, conditions, -1)
        self.rows_of = {c: np.flatnonzero(played == c) for c in np.unique(played) if c >= 0}
