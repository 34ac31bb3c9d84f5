"""Train in this process, one run after the other."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path

from lrs_lightning.errors import LrsError
from lrs_lightning.training.sweep.launchers.launcher import Ended, Fit, Job, sentence


class LocalLauncher:
    """Trains jobs in the order in which they come; a signal ends the one that runs and passes on.

    Args:
        fit: trains one.
    """

    def __init__(self, fit: Fit) -> None:
        self._fit = fit
        self._queue: deque[Job] = deque()

    def claim(self, out: Path) -> None:
        """Nothing to see to: this process has made the folder."""

    def slots(self) -> int:
        """One."""
        return 1

    def start(self, job: Job) -> None:
        """Put a job into the queue."""
        self._queue.append(job)

    def wait(self) -> Ended:
        """Train the next job."""
        job, began = self._queue.popleft(), time.monotonic()
        try:
            code, reason = self._fit(job.words), ""
        except LrsError as error:
            code, reason = 2, sentence(error)
        except BaseException:  # nobody waits for the others any more
            self._queue.clear()
            raise
        return Ended(job, code, time.monotonic() - began, reason)
