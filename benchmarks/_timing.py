"""Timing that two programs can be compared by: interleaved rounds, quantiles, ratios.

A shared machine speeds up and slows down from second to second. So the providers take turns, one
call each per round, and the tenth percentile is reported beside the median. A call finds in the
caches what the one before has left there, so each round has an order of its own.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Quantiles of the duration of one call, in seconds."""

    p10: float
    median: float
    p90: float
    calls: int

    @classmethod
    def of(cls, durations: list[float]) -> Timing:
        """Quantiles of a list of durations."""
        ordered = sorted(durations)
        last = len(ordered) - 1
        p10, median, p90 = (ordered[round(share * last)] for share in (0.1, 0.5, 0.9))
        return cls(p10, median, p90, len(ordered))


def interleave(
    providers: Mapping[str, Callable[[], object]],
    rounds: int = 60,
    warmup: int = 5,
    seconds: float | None = None,
    inner: int = 1,
    synchronize: Callable[[], None] | None = None,
) -> dict[str, Timing]:
    """Time every provider once per round, in an order that is drawn anew, and the same in each run.

    Args:
        providers: what to call, by name.
        rounds: rounds that count.
        warmup: rounds that do not.
        seconds: stop after so much time, although rounds are left.
        inner: calls that make one measurement, for calls shorter than the clock.
        synchronize: waits for the device; inside the measured time.

    """
    durations: dict[str, list[float]] = {name: [] for name in providers}
    order, turns = random.Random(0), list(providers.items())
    started = time.perf_counter()
    for index in range(warmup + rounds):
        order.shuffle(turns)
        for name, call in turns:
            begin = time.perf_counter()
            for _ in range(inner):
                call()
            if synchronize is not None:
                synchronize()
            if index >= warmup:
                durations[name].append((time.perf_counter() - begin) / inner)
        if seconds is not None and index > warmup and time.perf_counter() - started > seconds:
            break
    return {name: Timing.of(values) for name, values in durations.items()}


def ratio(slow: Timing, fast: Timing) -> float:
    """How many times longer `slow` takes than `fast`, by the tenth percentiles."""
    return slow.p10 / fast.p10
