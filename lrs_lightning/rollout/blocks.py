"""A policy that is always called with the same number of rows.

Many a product of matrices, and every convolution, chooses its order of sums by the number of rows,
and a closed loop amplifies the last bit. A policy that says `rows_apart = False` is therefore asked
about its episodes in blocks of one size, the last one filled up with rows of zeros: what it decides
for an episode then does not depend on how many others are played.

Letters: n slots of the policy, of any number; K rows of a block.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.rollout.policy import Policy
from lrs_lightning.rollout.states import StateArrays, state_arrays

Array = NDArray[Any]
Flags = NDArray[np.bool_]

VECTOR_ROWS, FRAME_ROWS = 64, 8
"""Rows of a block, by what is seen. Pictures are cut small, since a padded row costs as much as
any other, and many games of one policy are rarely played at once."""


class Rows(NamedTuple):
    """What a policy is told of a step, a row for each slot."""

    seen: Array
    """`(n, ...)`"""
    starts: Flags
    """`(n,)`: episodes that begin."""
    seeds: NDArray[np.int64]
    """`(n,)`: of the episodes; for policies with a method `observe_seeds`."""
    clean: Array | None = None
    """What unshifted sensors show, `(n, ...)`; for policies with a method `observe_clean`."""

    def block(self, rows: slice, size: int) -> Rows:
        """Some of the rows, and rows of zeros up to `size`."""
        return Rows(*(None if part is None else filled(part[rows], size) for part in self))  # type: ignore[arg-type]


class Blocks:
    """Calls of a policy for n slots, in blocks of K rows where it asks for that, else in one call.

    Args:
        policy: whoever acts.
        seen: what it sees first, `(n, ...)`: for its shape.
    """

    def __init__(self, policy: Policy, seen: Array) -> None:
        self._policy, self._count = policy, len(seen)
        self._rows = rows_of_a_block(policy, seen)
        starts = range(0, self._count, self._rows) if self._rows else [0]
        self._blocks = [slice(i, min(i + (self._rows or self._count), self._count)) for i in starts]
        self._states = [policy.initial_state(self._rows or self._count) for _ in self._blocks]
        self._observe_clean = getattr(policy, "observe_clean", None)
        self._observe_seeds = getattr(policy, "observe_seeds", None)

    def step(self, rows: Rows, running: Flags) -> Array:
        """Actions `(n, ...)`; those of a block in which nothing is `running (n,)` are zeros."""
        if self._rows is None:
            return self._call(0, rows)
        actions: Array | None = None
        for k, block in enumerate(self._blocks):
            if not running[block].any():
                continue
            found = np.asarray(self._call(k, rows.block(block, self._rows)))
            if actions is None:
                actions = np.zeros((self._count, *found.shape[1:]), found.dtype)
            actions[block] = found[: block.stop - block.start]
        return np.zeros((self._count, 0)) if actions is None else actions

    def arrays(self, name: str) -> StateArrays:
        """Copies of what the policy remembers, `(n, ...)`; see `states.state_arrays`."""
        size = self._rows or self._count
        parts: list[Mapping[str, Array]] = [
            state_arrays(name, self._policy, state, size) for state in self._states
        ]
        return {
            key: np.concatenate([part[key] for part in parts])[: self._count] for key in parts[0]
        }

    def _call(self, k: int, rows: Rows) -> Array:
        if rows.clean is not None and self._observe_clean is not None:
            self._observe_clean(rows.clean)
        if self._observe_seeds is not None and rows.starts.any():
            self._observe_seeds(rows.seeds)
        actions, self._states[k] = self._policy.step(rows.seen, self._states[k], rows.starts)
        return actions


def filled(part: Array, size: int) -> Array:
    """`(size, ...)`, rows that are missing zero."""
    if len(part) == size:
        return part
    return np.concatenate([part, np.zeros((size - len(part), *part.shape[1:]), part.dtype)])


def rows_of_a_block(policy: Policy, seen: Array) -> int | None:
    """K for a policy that asks for blocks; None for one that takes whatever number of rows."""
    if getattr(policy, "rows_apart", True):
        return None
    own: int | None = getattr(policy, "block", None)
    return own or (VECTOR_ROWS if seen.ndim <= 2 else FRAME_ROWS)
