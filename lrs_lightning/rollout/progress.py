"""How far a rollout is, told about ten times a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SECONDS = 0.1


@dataclass(frozen=True)
class Progress:
    """How far a rollout is."""

    done: int
    """Episodes that have ended."""
    total: int
    """Episodes to be played in this rollout."""
    steps: int
    """Steps of environments so far."""
    fraction: float
    """Share of the work done, running episodes included as far as their horizon is known."""


class Reporter:
    """Counts, and calls back.

    Args:
        total: episodes to be played.
        horizon: steps of a whole episode, if that is known.
        callback: who wants to know.
    """

    def __init__(
        self, total: int, horizon: int | None, callback: Callable[[Progress], None] | None
    ) -> None:
        self.done, self.steps = 0, 0
        self._total, self._horizon, self._callback = total, horizon, callback
        self._last = 0.0

    def report(self, running: NDArray[np.int64]) -> None:
        """Tell where we are; `running` are the steps of the episodes that still go on."""
        now = time.monotonic()
        if self._callback is None or (now - self._last < _SECONDS and len(running)):
            return
        self._last = now
        partial = float(running.sum()) / self._horizon if self._horizon else 0.0
        fraction = min((self.done + partial) / self._total, 1.0)
        self._callback(Progress(self.done, self._total, self.steps, fraction))
