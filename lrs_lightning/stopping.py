"""Stop on SIGINT and SIGTERM: at once, or where the work can be taken up again.

The first signal raises `Interrupted`, so that everything on the way out is tidied up. Work that
must not be cut anywhere calls `SIGNALS.defer()`, asks `SIGNALS.received` between two steps and lets
go with `SIGNALS.release()`. A second signal ends the process at once, as without a handler.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_WATCHED = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """A signal asked for the end; no `Exception`, since it is no failure.

    Args:
        number: of the signal. `code` is the exit code that a shell expects: 130 after SIGINT, 143
            after SIGTERM. `partial` is what there is of a result.
    """

    partial: Any = None

    def __init__(self, number: int) -> None:
        self.number, self.code = number, 128 + number
        super().__init__(f"interrupted by {signal.Signals(number).name}")

    def __str__(self) -> str:
        """What happened, and whatever was noted on the way out."""
        return "; ".join([str(self.args[0]), *getattr(self, "__notes__", [])])


class Signals:
    """The process's one listener for the signals that ask for the end."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._deferred = False
        self._listening = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Raise `Interrupted` in this block, and put back afterwards what was there before.

        In another thread than the main one, where Python hears no signals, nothing changes.
        """
        if self._listening or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in _WATCHED}
        self.received, self._deferred, self._listening = None, False, True
        self.install()
        try:
            yield
        finally:
            self._listening = False
            for number, handler in before.items():
                signal.signal(number, handler)

    def install(self) -> None:
        """Take the signals again from a library that has taken them; only while listening.

        A signal that the parent process has switched off (`nohup`, a shell's `&`) stays off.
        """
        if self._listening and self.received is None:
            for number in _WATCHED:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    signal.signal(number, self._on_signal)

    def defer(self) -> None:
        """From here on a signal is only noted."""
        self._deferred = True

    def release(self) -> None:
        """From here on a signal raises again; one that was noted does so now."""
        self._deferred = False
        if self.received is not None:
            raise Interrupted(self.received)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        for each in _WATCHED:
            # SIG_DFL and not Python's handler: the second one ends the process at once.
            signal.signal(each, signal.SIG_DFL)
        self.received = number
        if not self._deferred:
            raise Interrupted(number)


SIGNALS = Signals()
