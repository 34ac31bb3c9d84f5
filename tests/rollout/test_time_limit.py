"""A block of somebody else's code is ended after a time, and no alarm outlives it."""

from __future__ import annotations

import math
import signal
import threading
import time

import pytest

from lrs_lightning.errors import ArgumentError
from lrs_lightning.rollout.time_limit import time_limit

SHORT, LONG = 0.05, 5.0  # s


@pytest.fixture(autouse=True)
def alarm():
    """Without an alarm of pytest's own, which is put back; and with one that fails the test."""
    timer, handler = signal.setitimer(signal.ITIMER_REAL, 0), signal.getsignal(signal.SIGALRM)

    def outside(number, frame):
        raise AssertionError("it rang outside of its block")

    signal.signal(signal.SIGALRM, outside)
    yield outside
    signal.setitimer(signal.ITIMER_REAL, *timer)
    signal.signal(signal.SIGALRM, handler)


def test_a_block_that_takes_longer_is_ended_each_time_it_is_entered():
    limit = time_limit(SHORT)
    for _ in range(2):
        begun = time.monotonic()
        with pytest.raises(TimeoutError, match=f"no answer within {SHORT:g} s"), limit:
            time.sleep(LONG)
        assert time.monotonic() - begun >= SHORT


def test_a_block_that_catches_the_error_is_told_again():
    with time_limit(100):
        left, again = signal.getitimer(signal.ITIMER_REAL)
        assert 90 < left <= 100 and again == 100
        ring = signal.getsignal(signal.SIGALRM)
        for _ in range(3):
            with pytest.raises(TimeoutError, match="no answer within 100 s"):
                ring(signal.SIGALRM, None)


def test_nothing_rings_after_a_block_that_was_in_time(alarm):
    with time_limit(100):
        assert signal.getsignal(signal.SIGALRM) is not alarm
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) is alarm


def test_an_alarm_of_somebody_elses_goes_on_afterwards(alarm):
    signal.setitimer(signal.ITIMER_REAL, 100, 50)
    with time_limit(30):
        pass
    left, again = signal.getitimer(signal.ITIMER_REAL)
    assert 90 < left <= 100 and again == 50
    assert signal.getsignal(signal.SIGALRM) is alarm


def test_an_alarm_that_is_under_way_as_the_block_ends_is_not_heard():
    limit = time_limit(30)
    with limit:
        ring = signal.getsignal(signal.SIGALRM)
        with pytest.raises(TimeoutError):
            ring(signal.SIGALRM, None)
    ring(signal.SIGALRM, None)


def test_other_errors_pass():
    with pytest.raises(ZeroDivisionError), time_limit(30):
        raise ZeroDivisionError


def test_none_is_without_a_limit():
    with time_limit(None):
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@pytest.mark.parametrize("seconds", [0, -1, math.nan, math.inf])
def test_a_limit_is_a_positive_number(seconds):
    with pytest.raises(ArgumentError, match="is no positive number of seconds"):
        time_limit(seconds)


def test_only_the_main_thread_can_be_interrupted():
    failed = []

    def other():
        try:
            time_limit(1)
        except ArgumentError as error:
            failed.append(str(error))

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert "only the main thread" in failed[0]
