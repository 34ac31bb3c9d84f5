"""The decision step of the closed loop: who acts, who labels, and what both remember.

Letters: N slots, n of them those of one policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.envs import EnvInfo
from lrs_lightning.rollout.checks import check_actions, first_step
from lrs_lightning.rollout.policy import Policy
from lrs_lightning.rollout.slots import Slots
from lrs_lightning.rollout.states import StateArrays, state_arrays

Array = NDArray[Any]


class Decided(NamedTuple):
    """What came of a step of all policies."""

    wanted: Array
    """What the acting policies want, `(N, ...)`."""
    labels: Array
    """What the labeller would do, `(N, ...)`; `wanted` itself where there is no labeller."""
    states: Mapping[str, StateArrays]
    """Policy -> its state after the step; empty unless states are recorded."""


class Decisions:
    """One call of each policy a step, and one of the labeller.

    Another plan of calls, such as one for all members of a population, is a change of `decide`
    alone.

    Args:
        policies: name -> policy.
        of_policy: name -> its slots, for policies that have any.
        info: the task.
        labeller: says in every slot what it would do, and never acts.
        record_states: whether states are kept.
    """

    def __init__(
        self,
        policies: Mapping[str, Policy],
        of_policy: Mapping[str, slice],
        info: EnvInfo,
        labeller: Policy | None = None,
        record_states: bool = False,
    ) -> None:
        self._players = {name: _Player(name, policies[name], of) for name, of in of_policy.items()}
        slots = max((of.stop for of in of_policy.values()), default=0)
        self._labeller = (
            None if labeller is None else _Player("labeller", labeller, slice(0, slots))
        )
        self._info, self._record_states = info, record_states

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
        for name, player in self._players.items():
            if not slots.running[player.rows].any():
                continue
            player.observe_clean(clean)
            player.step(seen, slots.starts, wanted, self._info.env_id)
            if self._record_states:
                states[name] = player.state_arrays()
        labels = wanted
        if self._labeller is not None:
            labels = np.zeros_like(wanted)
            self._labeller.step(seen, slots.starts, labels, self._info.env_id)
        return Decided(wanted, labels, states)


class _Player:
    """A policy in its slots, with what it remembers."""

    def __init__(self, name: str, policy: Policy, rows: slice) -> None:
        self.name, self.policy, self.rows = name, policy, rows
        self._state = policy.initial_state(rows.stop - rows.start)
        self._checked = False
        self._observe_clean = getattr(policy, "observe_clean", None)

    def observe_clean(self, clean: Array | None) -> None:
        """Show unshifted observations `(N, ...)` to a policy that asks for them."""
        if clean is not None and self._observe_clean is not None:
            self._observe_clean(clean[self.rows])

    def step(self, seen: Array, starts: Array, decided: Array, env_id: str) -> None:
        """Write its decisions into its rows of `decided (N, ...)`."""
        rows = self.rows
        step = self.policy.step if self._checked else first_step(self.name, self.policy)
        actions, self._state = step(seen[rows], self._state, starts[rows])
        if not self._checked:
            check_actions(self.name, actions, decided[rows], env_id)
            self._checked = True
        decided[rows] = actions

    def state_arrays(self) -> StateArrays:
        """What it remembers, `(n, ...)`, copied."""
        return state_arrays(self.name, self.policy, self._state, self.rows.stop - self.rows.start)
