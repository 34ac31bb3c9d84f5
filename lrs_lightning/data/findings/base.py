"""What is allowed in a store and yet looks wrong, with what it would do to training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from lrs_lightning.data.demonstration import Demonstration
from lrs_lightning.data.task import Task


class DataWarning(UserWarning):
    """Demonstrations can be trained on, and look as if something about them were wrong."""


@dataclass(frozen=True)
class Finding:
    """One suspicion.

    Args:
        kind: what it is, e.g. `"near-constant channel"`.
        place: episodes and channels it is about.
        sentence: what was found.
        effect: what it does to training, and what to do.
    """

    kind: str
    place: str
    sentence: str
    effect: str

    def __str__(self) -> str:
        return f"{self.kind} ({self.place}): {self.sentence}; {self.effect}"


class Detector(Protocol):
    """Looks at episodes one by one, and keeps little of each."""

    def __init__(self, task: Task) -> None: ...

    def add(self, episode: Demonstration, number: int) -> None:
        """Look at an episode."""

    def findings(self) -> list[Finding]:
        """What was found in all of them."""


def listed(numbers: Any, most: int = 6) -> str:
    """`3, 5, 8` or `3, 5, 8, ... (40 in all)`."""
    numbers = list(numbers)
    shown = ", ".join(map(str, numbers[:most]))
    return shown if len(numbers) <= most else f"{shown}, ... ({len(numbers)} in all)"
