"""Demonstrations on disk: files of episodes, and a manifest that says where they come from.

    folder/manifest.json   task, versions, expert, returns, origin of each episode, SHA-256 of files
    folder/episodes.h5     episodes/00000/{observations, actions, labels, rewards}, ...; of some
                           {before, final, time, infos/...} too
    folder/episodes-2.h5   what was added later

How a store is written and how it grows: `writing.py`.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from lrs_lightning.data.checks import check_episode
from lrs_lightning.data.demonstration import Demonstration, Ending, Origin
from lrs_lightning.data.episode_file import ARRAYS, BEFORE, FINAL, INFOS, TIME, EpisodeFile
from lrs_lightning.data.episode_writer import digest
from lrs_lightning.data.frames import StoredFrames
from lrs_lightning.data.manifest import Part, parts_of, read_manifest, task_of
from lrs_lightning.errors import DataError, EnvironmentMismatchError

_NEVER_READ_BY_POLICIES = (f"/{TIME}", "/rewards")
# A writer may replace the store between our look at the manifest and at its files; never for long.
_ATTEMPTS = 20


class DemonstrationStore:
    """A store opened for reading: the state that it has now, whatever is written later.

    Args:
        folder: where `write_store` put it.
        env: the task it must be for, if that matters.

    Raises:
        DataError: the folder is no store, or it was truncated or altered.
        EnvironmentMismatchError: it holds demonstrations of another task.
    """

    def __init__(self, folder: str | Path, env: str | None = None) -> None:
        self.folder = Path(folder)
        self.manifest, self._files = _open(self.folder)
        self.task = task_of(self.manifest, self.folder)
        if env is not None and self.task.env != env:
            raise EnvironmentMismatchError(
                f"{self.folder} holds demonstrations of {self.task.env}, not of {env}: choose "
                "another folder, or collect them anew"
            )
        self.origins = [Origin.from_dict(values) for values in self.manifest["origins"]]
        self.endings = [Ending.from_dict(values) for values in self.manifest["endings"]]
        self._checked: set[int] = set()  # episodes that were found to be what the task needs
        self._places = [
            (file, number)
            for file, part in zip(self._files, parts_of(self.manifest), strict=True)
            for number in range(part.episodes)
        ]

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Demonstration:
        """An episode as policies read it, without infos; it is checked when it is first read.

        Raises:
            DataError: it is damaged, or no episode of the task: of another length than the manifest
                says, with numbers that are not finite, out of bounds, or of another shape or type.
        """
        return self._episode(range(len(self))[index], exact=False)

    def exact(self, index: int) -> Demonstration:
        """An episode as it is stored: in the precision that it was given in, with its infos.

        Raises:
            DataError: as for an episode that is read otherwise.
        """
        return self._episode(range(len(self))[index], exact=True)

    def _episode(self, index: int, exact: bool) -> Demonstration:
        file, number = self._places[index]
        group = f"{number:05d}"
        if index not in self._checked:
            self._check_lengths(file, number, self.manifest["lengths"][index])
        has = [name for name in (BEFORE, FINAL, TIME) if file.has(f"{group}/{name}")]
        arrays = {name: self._array(file, f"{group}/{name}", exact) for name in (*ARRAYS, *has)}
        if exact:
            arrays[INFOS] = {
                name: file.read(f"{group}/{INFOS}/{name}", exact=True)
                for name in file.names(f"{group}/{INFOS}")
            }
        episode = Demonstration(**arrays, origin=self.origins[index], ending=self.endings[index])
        if index not in self._checked or exact:
            check_episode(episode, self.task, self.place(index))
            self._checked.add(index)
        return episode

    def digest(self, index: int) -> str:
        """A name that two episodes share where what is learned from is the same to the last bit."""
        index = range(len(self))[index]
        known: str | None = self.manifest["digests"][index]
        if known is not None:
            return known
        file, number = self._places[index]  # of a store of an older schema
        seen, labels = (
            file.read(f"{number:05d}/{name}", exact=True) for name in ("observations", "labels")
        )
        return digest(seen, labels)

    def place(self, index: int) -> str:
        """Where an episode lies, for sentences about it: its file, and its number there."""
        file, number = self._places[index]
        return f"{file.path}, episode {number}"

    def _check_lengths(self, file: EpisodeFile, number: int, length: int) -> None:
        """Before an array is read: a file may claim more steps than there is memory."""
        for name in ARRAYS:
            steps = file.shape(f"{number:05d}/{name}")[0]
            if steps != length:
                raise DataError(
                    f"{file.path}, episode {number}: {name} have {steps} steps and the manifest "
                    f"says {length}: collect the demonstrations anew"
                )

    @property
    def bytes_on_disk(self) -> int:
        """Of its folder, as far as no later writer has replaced what was there."""
        total = 0
        for file in self.folder.iterdir():
            with suppress(FileNotFoundError):
                total += file.stat().st_size
        return total

    def __iter__(self) -> Iterator[Demonstration]:
        return (self[i] for i in range(len(self)))

    def _array(self, file: EpisodeFile, name: str, exact: bool) -> Any:
        """The whole array; frames are read when they are asked for."""
        if self.task.pixels and name.endswith("/observations"):
            return StoredFrames(file, name)
        return file.read(name, exact=exact or name.endswith(_NEVER_READ_BY_POLICIES))


def _open(folder: Path) -> tuple[dict[str, Any], list[EpisodeFile]]:
    """A manifest and the very files that it names."""
    for _ in range(_ATTEMPTS):
        manifest = read_manifest(folder)
        parts = parts_of(manifest)
        try:
            return manifest, [_open_part(folder, part) for part in parts]
        except FileNotFoundError as error:
            missing = error.filename
            if read_manifest(folder) == manifest:
                break
    raise DataError(f"{missing} is missing: collect the demonstrations anew")


def _open_part(folder: Path, part: Part) -> EpisodeFile:
    path = folder / part.file
    # One look, since a writer may take the file away between two. A pipe would keep us waiting.
    if not stat.S_ISREG(path.stat().st_mode):
        raise DataError(f"{path} is no file: collect the demonstrations anew")
    try:
        altered = file_sha256(path) != part.sha256
        if not altered:
            return EpisodeFile(path)
    except PermissionError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})") from error
    raise DataError(
        f"{path} was truncated or altered (its SHA-256 is not the manifest's): "
        "collect the demonstrations anew"
    )


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
