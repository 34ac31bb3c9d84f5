"""Which episodes are to be played, and in which slot of the vector environment.

Every policy plays every condition on every seed, each exactly once, whatever their lengths: the
average over the episodes of a condition is not biased towards short ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from lrs_lightning.shifts import Condition

Key = tuple[str, str, int, int]
"""Policy, shift, severity, episode."""


@dataclass(frozen=True)
class Job:
    """An episode to be played."""

    policy: str
    condition: int
    """Index into the conditions of the rollout."""
    episode: int
    seed: int


def plan(
    policies: Sequence[str],
    conditions: Sequence[Condition],
    seeds: Sequence[int],
    done: Collection[Key],
) -> dict[str, deque[Job]]:
    """The jobs of each policy, without those that are done."""
    return {
        policy: deque(
            Job(policy, c, episode, int(seed))
            for c, condition in enumerate(conditions)
            for episode, seed in enumerate(seeds)
            if (policy, condition.shift, condition.severity, episode) not in done
        )
        for policy in policies
    }


def share_slots(jobs: dict[str, deque[Job]], slots: int) -> dict[str, int]:
    """How many slots each policy gets: in proportion to its jobs, and at least one."""
    total = sum(map(len, jobs.values()))
    return {
        policy: min(len(queue), max(1, slots * len(queue) // total)) if queue else 0
        for policy, queue in jobs.items()
    }
