"""How long a sweep takes: measured on its first run, and corrected after each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Pace:
    """What is done, what is left, and what a member takes.

    Args:
        total: members of the sweep.
        left: members that are trained now.
        slots: how many runs are trained at a time; asked anew, since machines come and go.
    """

    total: int
    left: int
    slots: Callable[[], int]
    trained: int = 0
    failed: int = 0
    seconds: float = 0.0

    def begin(self, runs: int, missing: int) -> str:
        """The first line: how many there are.

        Args:
            runs: of the sweep.
            missing: how many of them are trained now.
        """
        done = self.total - self.left
        line = f"sweep: {self.total} members in {runs} runs"
        if done:
            line += f", {done} of them finished"
        at_once = min(self.slots(), missing)
        return line + (f"; {at_once} runs at a time" if at_once > 1 else "")

    def tell(self, members: int, seconds: float, folder: Path) -> list[str]:
        """Lines after a run: of the first one what a member takes, of each what is left.

        Args:
            members: of the run.
            seconds: that it took.
            folder: of the run, whose size is measured.
        """
        first, lines = not self.trained, []
        self.trained += members
        self.seconds += seconds
        if first:
            size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / members
            lines.append(
                f"sweep: measured on the first {members} members: {self._each:.1f} s and "
                f"{size / 1e6:.1f} MB a member; all {self.left} take about "
                f"{self._time_of(self.left)} and {size * self.total / 1e9:.2g} GB"
            )
        rest = self.left - self.trained - self.failed
        lines.append(
            f"sweep: {self.trained} of {self.left} members, {self._time_of(rest)} to go"
            + (f"; {self.failed} failed" if self.failed else "")
        )
        return lines

    def left_out(self, members: int) -> None:
        """A run has failed, and nobody waits for its members."""
        self.failed += members

    @property
    def _each(self) -> float:
        return self.seconds / self.trained

    def _time_of(self, members: int) -> str:
        return duration(self._each * members / max(1, self.slots()))


def duration(seconds: float) -> str:
    """Seconds as one reads them."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
