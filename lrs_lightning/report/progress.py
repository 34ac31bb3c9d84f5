"""How far an evaluation is: a bar in a terminal, a line now and then where there is none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from lrs_lightning.rollout import Progress

SECONDS_BETWEEN_LINES = 15.0  # often enough to see that it goes on, seldom enough for a log

Show = Callable[[Progress], None]


@contextmanager
def evaluation_progress(console: Console, quiet: bool = False) -> Iterator[Show | None]:
    """What to call with the progress of a rollout, for as long as the context lasts.

    Args:
        console: where it is shown; its bar fits 80 columns.
        quiet: show nothing; None is yielded.
    """
    if quiet:
        yield None
    elif console.is_terminal:
        yield from _bar(console)
    else:
        yield _lines(console)


def _bar(console: Console) -> Iterator[Show]:
    columns = (
        TextColumn("{task.completed:>4.0%}"),
        BarColumn(bar_width=16),
        TextColumn("{task.fields[episodes]} episodes  {task.fields[speed]:,.0f} steps/s"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=1.0, episodes="0", speed=0.0)

        def show(progress: Progress) -> None:
            elapsed = bar.tasks[0].elapsed or 0.0
            bar.update(
                task,
                completed=progress.fraction,
                episodes=f"{progress.done}/{progress.total}",
                speed=progress.steps / elapsed if elapsed else 0.0,
            )

        yield show


def _lines(console: Console) -> Show:
    begin = last = time.monotonic()

    def show(progress: Progress) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < SECONDS_BETWEEN_LINES:
            return
        last = now
        console.print(
            f"evaluating: {progress.done} of {progress.total} episodes, "
            f"{progress.steps / (now - begin):,.0f} steps/s",
            highlight=False,
        )

    return show
