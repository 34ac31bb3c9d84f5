"""Time on the device alone: calls captured in a CUDA graph, replayed between two events.

Launching from Python takes longer than a short scan, so a host's clock would measure Python. A
graph holds as many calls as take a millisecond, so that its own launch does not count either.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch

Call = Callable[[], object]

MOST_CALLS = 16
"""Calls captured in one graph at most."""
LONG_ENOUGH = 1e-3
"""Seconds of a replay beside which launching it does not count."""


@dataclass(frozen=True)
class Microseconds:
    """Quantiles of one call's duration over all replays."""

    p10: float
    median: float
    p90: float
    replays: int

    def row(self, prefix: str = "") -> dict[str, float]:
        """Columns of a table, in microseconds."""
        return {f"{prefix}{name}_us": round(value, 3) for name, value in asdict(self).items()}


def on_device(call: Call, seconds: float = 0.15) -> Microseconds:
    """Time a call on the GPU without its launch; on a CPU, for a rehearsal, by the clock.

    Args:
        call: launches work on the current stream, the same each time; no synchronisation inside.
        seconds: how long to replay.

    """
    if not torch.cuda.is_available():
        return by_clock(call, rounds=1)
    single = captured(call, 1)
    once = _replay_seconds(single, 3)[-1]
    calls = max(1, min(MOST_CALLS, math.ceil(LONG_ENOUGH / max(once, 1e-9))))
    replay = single if calls == 1 else captured(call, calls)
    replays = max(10, min(400, int(seconds / (once * calls))))
    return _quantiles([found / calls for found in _replay_seconds(replay, replays)])


def captured(call: Call, calls: int) -> Call:
    """The replay of so many calls, after a warm-up that compiles and allocates."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(2):
            call()
    torch.cuda.current_stream().wait_stream(stream)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(calls):
            call()
    return graph.replay


def by_clock(call: Call, rounds: int = 30) -> Microseconds:
    """Time a call as a user's loop sees it: launches from Python, the device never waited for.

    Each round is as many calls as take some milliseconds, and one wait at its end.
    """
    call()
    call()
    _wait()
    began = time.perf_counter()
    call()
    _wait()
    calls = max(1, min(50, math.ceil(5e-3 / (time.perf_counter() - began))))
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(calls):
            call()
        _wait()
        found.append((time.perf_counter() - began) / calls)
    return _quantiles(found)


def _replay_seconds(replay: Call, count: int) -> list[float]:
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(count + 1)]
    replay()
    torch.cuda.synchronize()
    marks[0].record()
    for mark in marks[1:]:
        replay()
        mark.record()
    torch.cuda.synchronize()
    pairs = itertools.pairwise(marks)
    return [one.elapsed_time(other) / 1e3 for one, other in pairs]


def _quantiles(seconds: list[float]) -> Microseconds:
    ordered = sorted(1e6 * value for value in seconds)
    last = len(ordered) - 1
    p10, median, p90 = (ordered[round(share * last)] for share in (0.1, 0.5, 0.9))
    return Microseconds(p10, median, p90, len(ordered))


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
