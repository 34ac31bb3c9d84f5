"""The clock of the benchmarks."""

from __future__ import annotations

import time

from benchmarks._timing import Timing, interleave, ratio


def test_quantiles_are_of_the_sorted_durations():
    timing = Timing.of([5.0, 1.0, 3.0, 2.0, 4.0])
    assert (timing.p10, timing.median, timing.p90, timing.calls) == (1.0, 3.0, 5.0, 5)


def order_of(providers, rounds, warmup):
    """Names in the order of their calls, round by round."""
    called = []
    calls = {name: (lambda name=name: called.append(name)) for name in providers}
    timings = interleave(calls, rounds=rounds, warmup=warmup)
    assert all(timings[name].calls == rounds for name in providers)  # the warmup does not count
    return [called[i : i + len(providers)] for i in range(0, len(called), len(providers))]


def test_providers_take_turns_in_changing_order():
    found = order_of("abc", rounds=50, warmup=1)
    assert len(found) == 51 and all(sorted(turn) == ["a", "b", "c"] for turn in found)
    assert {turn[0] for turn in found} == {"a", "b", "c"} and found == order_of("abc", 50, 1)


def test_a_slow_provider_is_seen_as_slow():
    timings = interleave({"slow": lambda: time.sleep(0.004), "fast": lambda: time.sleep(0.001)}, 5)
    assert ratio(timings["slow"], timings["fast"]) > 1.5


def test_time_runs_out():
    timings = interleave({"a": lambda: time.sleep(0.01)}, rounds=1000, warmup=0, seconds=0.05)
    assert timings["a"].calls < 20
