"""The clock of the benchmarks."""

from __future__ import annotations

import time

from benchmarks._timing import Timing, interleave, ratio


def test_quantiles_are_of_the_sorted_durations():
    timing = Timing.of([5.0, 1.0, 3.0, 2.0, 4.0])
    assert (timing.p10, timing.median, timing.p90, timing.calls) == (1.0, 3.0, 5.0, 5)


def test_providers_take_turns_and_the_warmup_does_not_count():
    order = []
    timings = interleave(
        {"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=2, warmup=1
    )
    assert order == ["a", "b"] * 3
    assert timings["a"].calls == timings["b"].calls == 2


def test_a_slow_provider_is_seen_as_slow():
    timings = interleave({"slow": lambda: time.sleep(0.004), "fast": lambda: time.sleep(0.001)}, 5)
    assert ratio(timings["slow"], timings["fast"]) > 1.5


def test_time_runs_out():
    timings = interleave({"a": lambda: time.sleep(0.01)}, rounds=1000, warmup=0, seconds=0.05)
    assert timings["a"].calls < 20
