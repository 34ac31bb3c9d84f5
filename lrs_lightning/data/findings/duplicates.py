"""Episodes that are there twice."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from lrs_lightning.data.demonstration import Demonstration
from lrs_lightning.data.episode_writer import digest
from lrs_lightning.data.findings.base import Finding, listed
from lrs_lightning.data.task import Task


class Duplicates:
    """Episodes of the same observations and labels, to the last bit."""

    def __init__(self, task: Task) -> None:
        self._numbers: dict[str, list[int]] = defaultdict(list)

    def add(self, episode: Demonstration, number: int) -> None:
        """Keep its digest."""
        content = digest(np.asarray(episode.observations), np.asarray(episode.labels))
        self._numbers[content].append(number)

    def findings(self) -> list[Finding]:
        """One for all that are there more than once."""
        groups = [numbers for numbers in self._numbers.values() if len(numbers) > 1]
        if not groups:
            return []
        shown = "; ".join(" = ".join(map(str, numbers[:4])) for numbers in groups[:4])
        return [
            Finding(
                "duplicate",
                f"episode {shown}{'; ...' if len(groups) > 4 else ''}",
                f"{sum(map(len, groups)) - len(groups)} episodes repeat another "
                f"(the first: {listed(numbers[0] for numbers in groups)})",
                "they count more than others, and are kept on one side of the split, since "
                "validation would else judge what was trained on: leave the copies out",
            )
        ]
