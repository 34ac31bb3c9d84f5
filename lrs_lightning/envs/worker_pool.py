"""A few threads that share the rows of a batch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

# About a tenth of a MuJoCo step is the interpreter's, one thread at a time: more threads than this
# would queue for it.
MOST_BY_DEFAULT = 8

Errors = dict[int, str]
"""Row -> what went wrong there."""


def available_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class WorkerPool:
    """Runs a loop over rows on several threads; the caller's own is one of them.

    Args:
        threads: number of threads, at most one for each row (default: the cores this process may
            use, at most 8).
        rows: number of rows of the batch.
    """

    def __init__(self, threads: int | None, rows: int) -> None:
        self.size = max(1, min(threads or min(available_cores(), MOST_BY_DEFAULT), rows))
        self._helpers = ThreadPoolExecutor(max(self.size - 1, 1), thread_name_prefix="envs")

    def run(self, rows: list[int], work: Callable[[Iterator[int], int], Errors]) -> Errors:
        """Call `work(queue, worker)` on every thread, and gather what went wrong.

        The queue is shared (`next` of a list's iterator is atomic): a thread that gets easy rows
        takes more of them.
        """
        queue = iter(rows)
        helpers = [self._helpers.submit(work, queue, k) for k in range(1, self.size)]
        errors = work(queue, 0)
        for helper in helpers:
            errors |= helper.result()
        return errors

    def close(self) -> None:
        """End the threads."""
        self._helpers.shutdown()
