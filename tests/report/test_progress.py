"""What is said while an evaluation runs: a bar in a terminal, lines in a log, or nothing."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console
from rich.progress import Progress as Bar

from lrs_lightning.report import progress
from lrs_lightning.report.progress import evaluation_progress
from lrs_lightning.rollout import Progress


def console(terminal: bool) -> Console:
    return Console(file=io.StringIO(), width=80, force_terminal=terminal)


def text(of: Console) -> str:
    assert isinstance(of.file, io.StringIO)
    return of.file.getvalue()


def test_on_request_nothing_is_shown() -> None:
    for terminal in (False, True):
        quiet = console(terminal)
        with evaluation_progress(quiet, quiet=True) as show:
            assert show is None
        assert text(quiet) == ""


def test_a_log_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    times: Iterator[float] = iter([100.0, 114.9, 115.0, 116.0, 140.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times))
    log = console(terminal=False)
    with evaluation_progress(log) as show:
        assert show is not None
        for k in range(1, 5):
            show(Progress(done=k, total=9, steps=30_000 * k, fraction=k / 9))
    assert text(log).splitlines() == [
        "evaluating: 2 of 9 episodes, 4,000 steps/s",
        "evaluating: 4 of 9 episodes, 3,000 steps/s",
    ]


def test_a_terminal_gets_a_bar_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    bars: list[Bar] = []
    now = [0.0]

    def bar(*columns: Any, **options: Any) -> Bar:
        bars.append(Bar(*columns, **options, get_time=lambda: now[0], auto_refresh=False))
        return bars[-1]

    def line() -> str:
        shown = console(terminal=False)
        shown.print(bars[0].get_renderable())
        return text(shown).rstrip()

    monkeypatch.setattr(progress, "Bar", bar)
    screen = console(terminal=True)
    with evaluation_progress(screen) as show:
        assert show is not None
        show(Progress(done=0, total=12, steps=7, fraction=0.0))
        assert "0/12 episodes  0 steps/s" in line()  # at the very start nothing can be divided by
        for now[0] in (4.0, 8.0):
            show(Progress(done=3, total=12, steps=80_000, fraction=now[0] / 32))
        assert line() == " 25% ━━━━             3/12 episodes  10,000 steps/s 0:00:24"
    assert "evaluating" not in text(screen) and bars[0].live.transient
