"""The decision step of the closed loop: who acts, who labels, and what both remember.

Letters: N slots, n of them those of one policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.envs import EnvInfo
from lrs_lightning.rollout.group import Group, groups
from lrs_lightning.rollout.player import Player
from lrs_lightning.rollout.policy import Policy
from lrs_lightning.rollout.slots import Slots
from lrs_lightning.rollout.states import StateArrays
from lrs_lightning.rollout.time_limit import time_limit

Array = NDArray[Any]


class Decided(NamedTuple):
    """What came of a step of all policies."""

    wanted: Array
    """What the acting policies want, `(N, ...)`."""
    labels: Array
    """What the labeller would do, `(N, ...)`; `wanted` itself where there is no labeller."""
    states: Mapping[str, StateArrays]
    """Policy -> its state after the step; empty unless states are recorded."""
    failures: Mapping[int, str] = MappingProxyType({})
    """Running slot -> why nobody has decided there; its row of `wanted` means nothing."""


class Decisions:
    """One call a step of each policy, or of all of one architecture; and one of the labeller.

    Args:
        policies: name -> policy.
        of_policy: name -> its slots, for policies that have any.
        info: the task.
        labeller: says in every slot what it would do, and never acts.
        record_states: whether states are kept.
        timeout: seconds that one call may take; see `rollout`.
    """

    def __init__(
        self,
        policies: Mapping[str, Policy],
        of_policy: Mapping[str, slice],
        info: EnvInfo,
        labeller: Policy | None = None,
        record_states: bool = False,
        timeout: float | None = None,
    ) -> None:
        limit = time_limit(timeout)
        together = [] if record_states else groups(policies, of_policy)
        self._groups = [Group(group, of_policy, limit) for group in together]
        grouped = {name for group in together for name in group}
        self._players = {
            name: Player(name, policies[name], of, record_states, limit)
            for name, of in of_policy.items()
            if name not in grouped
        }
        slots = max((of.stop for of in of_policy.values()), default=0)
        self._labeller = (
            None if labeller is None else Player("labeller", labeller, slice(0, slots), limit=limit)
        )
        self._info = info

    def decide(self, seen: Array, slots: Slots, clean: Array | None = None) -> Decided:
        """Ask everyone who has a running episode.

        Args:
            seen: what the policies see, `(N, ...)`.
            slots: who plays where.
            clean: what unshifted sensors would show, for policies that ask for it.
        """
        space = self._info.action_space
        wanted = np.zeros((slots.count, *(space.shape or ())), space.dtype)
        states: dict[str, StateArrays] = {}
        failures: dict[int, str] = {}
        for group in self._groups:
            if not group.running(slots):
                continue
            reason = group.step(seen, slots, wanted, self._info.env_id)
            if reason is not None:
                failures |= _of_rows("policy", reason, group.rows, slots)
        for name, player in self._players.items():
            if not slots.running[player.rows].any():
                continue
            reason = player.step(seen, slots, wanted, self._info.env_id, clean)
            if reason is not None:
                failures |= _of_rows("policy", reason, player.rows, slots)
            elif player.arrays is not None:
                states[name] = player.arrays
        labels = wanted
        if self._labeller is not None:
            labels = np.zeros_like(wanted)
            reason = self._labeller.step(seen, slots, labels, self._info.env_id)
            if reason is not None:
                failures |= _of_rows("labeller", reason, self._labeller.rows, slots)
        return Decided(wanted, labels, states, failures)


def _of_rows(who: str, reason: str, rows: slice | list[int], slots: Slots) -> dict[int, str]:
    """A sentence for each of its running slots."""
    running = np.arange(slots.count)[rows][slots.running[rows]]
    return {
        row: f"the {who}'s call of step {slots.times[row]} failed: {reason}"
        for row in running.tolist()
    }
