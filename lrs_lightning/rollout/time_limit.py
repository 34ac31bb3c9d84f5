"""An end for calls of somebody else's code that do not end by themselves."""

from __future__ import annotations

import math
import signal
import threading
from contextlib import AbstractContextManager, nullcontext
from types import FrameType, TracebackType
from typing import Any

from lrs_lightning.errors import ArgumentError


def time_limit(seconds: float | None) -> AbstractContextManager[None]:
    """A block that may be entered again and again, and raises `TimeoutError` when it takes longer.

    An alarm of the system ends it, which Python hears between two of its own instructions and in
    its main thread alone: a loop, a sleep, waiting for a lock or an answer are ended, a compiled
    function that never comes back is not. A block that catches the error is told again after as
    many seconds more.

    Args:
        seconds: how long; None is without a limit, and without a cost.

    Raises:
        ArgumentError: no positive number, or another thread or system than can be interrupted.
    """
    if seconds is None:
        return nullcontext()
    if not (seconds > 0 and math.isfinite(seconds)):
        raise ArgumentError(f"timeout: {seconds} is no positive number of seconds")
    main = threading.current_thread() is threading.main_thread()
    if not main or not hasattr(signal, "setitimer"):
        raise ArgumentError(
            "timeout: only the main thread of a POSIX system can be interrupted: leave it out here"
        )
    return _Alarm(seconds)


class _Alarm:
    """See `time_limit`; an alarm of somebody else's is put back afterwards."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._armed = False
        self._before: tuple[Any, tuple[float, float]] = (signal.SIG_DFL, (0.0, 0.0))

    def __enter__(self) -> None:
        handler = signal.signal(signal.SIGALRM, self._ring)
        self._armed = True
        timer = signal.setitimer(signal.ITIMER_REAL, self._seconds, self._seconds)
        self._before = handler, timer

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._armed = False  # an alarm that is under way must not ring outside
        handler, timer = self._before
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, handler or signal.SIG_DFL)  # None: set by no Python

    def _ring(self, number: int, frame: FrameType | None) -> None:
        if self._armed:
            raise TimeoutError(f"no answer within {self._seconds:g} s")
