"""Rewards that add up along an episode: the return so far, instead of what a step earned."""

from __future__ import annotations

import numpy as np

from lrs_lightning.data.demonstration import Demonstration
from lrs_lightning.data.findings.base import Finding, listed
from lrs_lightning.data.task import Task

_SHORTEST = 10  # steps of an episode that is judged
_SHARE = 0.9  # of the episodes, at least
_BEGINS = 3.0  # a sum begins with its first summand: no more than this many usual steps from zero


class CumulativeRewards:
    """Rewards of almost every episode run one way, from about zero."""

    def __init__(self, task: Task) -> None:
        self._judged = 0
        self._found: list[int] = []

    def add(self, episode: Demonstration, number: int) -> None:
        """Judge its rewards."""
        rewards = np.asarray(episode.rewards, np.float64)
        if len(rewards) < _SHORTEST or not rewards.any():
            return
        self._judged += 1
        steps = np.diff(rewards)
        if not (np.all(steps >= 0) or np.all(steps <= 0)):
            return
        usual = float(np.mean(np.abs(steps)))
        moves = np.count_nonzero(steps) > len(steps) / 2
        if moves and abs(rewards[0]) <= _BEGINS * usual:
            self._found.append(number)

    def findings(self) -> list[Finding]:
        """One, where it is so almost everywhere."""
        if not self._found or len(self._found) < _SHARE * self._judged:
            return []
        return [
            Finding(
                "cumulative rewards",
                f"episode {listed(self._found)}",
                "they run one way from about zero, as a sum over the episode does",
                "returns, and every share of the expert's return, would be wrong: give what each "
                "step earned (rewards: {kind: cumulative} takes the differences)",
            )
        ]
