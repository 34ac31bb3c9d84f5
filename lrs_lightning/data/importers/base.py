"""What an importer is: one class for each format of demonstrations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from lrs_lightning.data.demonstration import Demonstration
from lrs_lightning.data.findings import Finding
from lrs_lightning.data.task import NO_ENV, Task
from lrs_lightning.errors import ArgumentError


class Importer(ABC):
    """A format of demonstrations. Make it a frozen dataclass: its fields are its options.

    Attributes:
        name: what `import --format` calls it.
        description: one line: which files it reads, and which arrays or columns.
        env: the task where none is named; None where one must be named.
        exact: whether floats are stored in the precision that they have.

    Example:
        `docs/extending.md` has a whole importer of CSV files.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    env: ClassVar[str | None] = None
    exact: ClassVar[bool] = False

    @classmethod
    def locate(cls, source: Path) -> Path:
        """Where a source is that was named otherwise than by its path; the path itself else."""
        return source

    @classmethod
    @abstractmethod
    def recognises(cls, source: Path) -> bool:
        """Whether a file or folder looks like this format; for `--format auto`."""

    def task(self, source: Path, env: str | None) -> Task:
        """What the episodes are of; a format may read it off the source.

        Args:
            source: the file or folder.
            env: what the user named, or the format itself.

        Raises:
            ArgumentError: nothing says it.
            LrsError: the environment cannot be built.
        """
        if env is None or env == NO_ENV:
            raise ArgumentError(
                f"format {self.name!r} does not say which task its files are of: name it with "
                "--env; none where nobody has a simulator"
            )
        from lrs_lightning.envs import describe

        info = describe(env)
        return Task.of(info.env_id, info.observation_space, info.action_space)

    @abstractmethod
    def episodes(self, source: Path, task: Task) -> Iterator[Demonstration]:
        """Read the episodes one by one, so that memory holds one of them.

        Each is checked against the task before it is stored: lengths, widths, bounds, and that
        every number is finite. An importer that calls `check_episode` itself can name the file.

        Args:
            source: the file or folder.
            task: what they are of.

        Raises:
            DataError: a file is damaged or holds something else. Nothing in it may be executed.
        """

    def findings(self, source: Path, env: str | None) -> list[Finding]:
        """What looks wrong and no episode shows: pictures left out, or changed by a codec.

        Args:
            source: the file or folder, whose episodes were read.
            env: the task's.
        """
        return []

    def about(self) -> dict[str, Any]:
        """Further entries of the store's manifest."""
        return {}

    def about_source(self, source: Path) -> dict[str, Any]:
        """Entries of the manifest that the source says itself."""
        return {}
