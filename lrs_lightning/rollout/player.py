"""A policy in its slots: what it remembers, and what it means that its code fails.

Letters: N slots, n of them those of the policy.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.envs.failures import describe_failure
from lrs_lightning.errors import ANY_FAILURE, EnvironmentMismatchError, LrsError
from lrs_lightning.rollout.blocks import Blocks, Rows
from lrs_lightning.rollout.checks import check_actions
from lrs_lightning.rollout.policy import Policy
from lrs_lightning.rollout.states import StateArrays
from lrs_lightning.rollout.time_limit import time_limit

Array = NDArray[Any]


class Asked(Protocol):
    """What a player must know of all slots; `Slots` does."""

    starts: NDArray[np.bool_]
    """`(N,)`: episodes that begin with this step."""
    running: NDArray[np.bool_]
    """`(N,)`: episodes that have not ended."""
    seeds: NDArray[np.int64]
    """`(N,)`: of the episodes."""


class Player:
    """One call a step for all slots of a policy.

    A policy that fails at its first call, when nothing has been played yet, is refused. Later it
    has no decisions for that step, and begins its next one with a new state.

    Args:
        name: for sentences.
        policy: whoever acts or labels.
        rows: its slots.
        record_states: whether `arrays` holds what it remembers after each step.
        limit: what each call runs in; see `time_limit`.
    """

    def __init__(
        self,
        name: str,
        policy: Policy,
        rows: slice,
        record_states: bool = False,
        limit: AbstractContextManager[None] | None = None,
    ) -> None:
        self.name, self.policy, self.rows = name, policy, rows
        self.arrays: StateArrays | None = None
        self._record_states = record_states
        self._limit = time_limit(None) if limit is None else limit
        self._calls: Blocks | None = None  # None: the next call begins with a new state
        self._has_played = False

    def step(
        self,
        seen: Array,
        slots: Asked,
        decided: Array,
        env_id: str,
        clean: Array | None = None,
    ) -> str | None:
        """Write its decisions into its rows of `decided (N, ...)`.

        A policy with a method `observe_clean` is shown its rows of `clean` first, one with
        `observe_seeds` the seeds of episodes that begin.

        Returns:
            Why there are none; None where there are.

        Raises:
            EnvironmentMismatchError: its first call fails, as that of another task's policy does.
        """
        rows = self.rows
        try:
            with self._limit:
                self._ask(seen[rows], slots, decided[rows], env_id, clean)
        except ANY_FAILURE as error:
            if not self._has_played:
                refuse(self.name, error, seen[rows].shape)
            decided[rows], self._calls = 0, None
            return told(error)
        self._has_played = True
        return None

    def _ask(
        self, seen: Array, slots: Asked, decided: Array, env_id: str, clean: Array | None
    ) -> None:
        rows = self.rows
        if self._calls is None:
            self._calls = Blocks(self.policy, seen)
        shown = None if clean is None else clean[rows]
        asked = Rows(seen, slots.starts[rows], slots.seeds[rows], shown)
        actions = self._calls.step(asked, slots.running[rows])
        # At every step: another shape might fit by being repeated, and act on.
        check_actions(self.name, actions, decided, env_id)
        decided[...] = actions
        if self._record_states:
            self.arrays = self._calls.arrays(self.name)


def told(error: BaseException) -> str:
    """Why a call has failed, in a sentence."""
    return str(error) if isinstance(error, LrsError) else describe_failure(error)


def refuse(name: str, error: BaseException, shape: tuple[int, ...]) -> NoReturn:
    """Say that a policy's first call has failed.

    Raises:
        LrsError: that very one, or an `EnvironmentMismatchError`.
    """
    if isinstance(error, LrsError):
        raise error
    raise EnvironmentMismatchError(
        f"policy {name!r} cannot act on observations of shape {shape}: {describe_failure(error)}"
    ) from error
