"""The rooms whose code can be given faults, and the tests that judge them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Room:
    """A package of the project.

    Args:
        name: as on the command line.
        source: its folder, from the root of the tree.
        tests: the folder of its tests, from the root of the tree.
    """

    name: str
    source: str
    tests: str

    def files(self, root: Path) -> list[Path]:
        """Its Python files, in a fixed order."""
        return sorted((root / self.source).rglob("*.py"))


def rooms(root: Path) -> dict[str, Room]:
    """Every package that has tests of its own: `lrs_lightning/data` has `tests/data`."""
    names = sorted(path.name for path in (root / "lrs_lightning").iterdir() if path.is_dir())
    found = [Room(name, f"lrs_lightning/{name}", f"tests/{name}") for name in names]
    found.append(Room("kernels", "kernels/lrs_kernels", "tests/lrs_kernels"))
    return {room.name: room for room in found if (root / room.tests).is_dir()}
