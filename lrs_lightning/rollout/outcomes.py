"""What an episode came to beside its return: whether it went exactly like another, fell, succeeded.

Letters: N slots.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.envs.successes import told_successes
from lrs_lightning.rollout.slots import Flags, Rows

Array = NDArray[Any]
Fallen = Callable[[Array], Flags]
"""Observations `(N, ...)` to which bodies lie where none gets up again, `(N,)`."""

_PRIME = np.uint64(0x100000001B3)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


class Outcomes:
    """Follows the running episodes of all slots; a few operations on N numbers a step.

    Args:
        count: number of slots N.
        fallen: who lies, where the task knows it.
    """

    def __init__(self, count: int, fallen: Fallen | None) -> None:
        self._fallen = fallen
        self._trace = np.zeros(count, np.uint64)
        self._fell_at = np.full(count, -1, np.int64)
        self._success = np.full(count, -1, np.int8)  # -1: never told

    def begin(self, rows: Rows) -> None:
        """Slots `rows` start an episode."""
        self._trace[rows], self._fell_at[rows], self._success[rows] = 0, -1, -1

    def follow(
        self,
        actions: Array,
        rewards: Array,
        observations: Array,
        times: Rows,
        infos: Mapping[str, Any],
    ) -> None:
        """A step of all slots: what was done `(N, ...)`, earned `(N,)`, and seen after it.

        Args:
            actions: executed, `(N, ...)`.
            rewards: `(N,)`.
            observations: after the step, without shifts, `(N, ...)`.
            times: steps made before this one, `(N,)`.
            infos: Gymnasium's, values with a mask of who reports.
        """
        step = _words(actions) ^ (_words(np.asarray(rewards, np.float64)) * _SPREAD)
        self._trace = (self._trace ^ step) * _PRIME + _SPREAD
        if self._fallen is not None:
            down = self._fallen(observations)
            fresh = down & (self._fell_at < 0)
            # Who stands up again has not fallen: the last fall is the one that counts.
            self._fell_at = np.where(fresh, times + 1, np.where(down, self._fell_at, -1))
        for row, solved in told_successes(infos, len(times)).items():
            self._success[row] = solved

    def of(self, row: int, length: int, terminated: bool) -> dict[str, Any]:
        """What is known of the episode in slot `row`, which has just ended: columns of its row."""
        success = None if self._success[row] < 0 else bool(self._success[row])
        fell_at = None if self._fell_at[row] < 0 else int(self._fell_at[row])
        if fell_at is None and terminated and success is not True:
            fell_at = length
        trace = f"{int(self._trace[row]):016x}"
        return {"outcome": trace, "success": success, "fell_at": fell_at}


def _words(values: Array) -> NDArray[np.uint64]:
    """A number for the bits of each row `(N, ...)`: others for other bits, but for bad luck."""
    rows = np.ascontiguousarray(values).reshape(len(values), -1)
    if rows.dtype.itemsize not in (1, 2, 4, 8):
        rows = rows.astype(np.float64)
    bits = rows.view(f"u{rows.dtype.itemsize}").astype(np.uint64)
    factors = (np.arange(bits.shape[1], dtype=np.uint64) * np.uint64(2) + np.uint64(1)) * _SPREAD
    return np.asarray((bits * factors).sum(axis=1, dtype=np.uint64))
