"""All detectors at once, over episodes that pass by one by one."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator

from lrs_lightning.data.demonstration import Demonstration
from lrs_lightning.data.findings.base import DataWarning, Detector, Finding
from lrs_lightning.data.findings.channels import FirstSteps, NearConstantChannels
from lrs_lightning.data.findings.duplicates import Duplicates
from lrs_lightning.data.findings.images import LossyFrames, TransposedFrames
from lrs_lightning.data.findings.rewards import CumulativeRewards
from lrs_lightning.data.task import Task

DETECTORS: tuple[type[Detector], ...] = (
    NearConstantChannels,
    FirstSteps,
    Duplicates,
    CumulativeRewards,
    LossyFrames,
    TransposedFrames,
)


class Survey:
    """Looks at episodes and says what looks wrong; of each it keeps a few numbers.

    Args:
        task: what they are of.

    Example:
        >>> from lrs_lightning.data import Task
        >>> Survey(Task("A-v0", (2,), "float32", actions=3)).findings()
        []
    """

    def __init__(self, task: Task) -> None:
        self._detectors = [detector(task) for detector in DETECTORS]
        self._seen = 0

    def add(self, episode: Demonstration) -> None:
        """Look at an episode that was checked."""
        for detector in self._detectors:
            detector.add(episode, self._seen)
        self._seen += 1

    def watch(self, episodes: Iterable[Demonstration]) -> Iterator[Demonstration]:
        """Hand episodes on, and look at each once whoever takes them has taken it."""
        for episode in episodes:
            yield episode
            self.add(episode)

    def findings(self) -> list[Finding]:
        """What was found so far."""
        return [found for detector in self._detectors for found in detector.findings()]


def warn_of(findings: Iterable[Finding], where: str, stacklevel: int = 3) -> None:
    """Give each as a `DataWarning`."""
    for finding in findings:
        warnings.warn(f"{where}: {finding}", DataWarning, stacklevel=stacklevel)
