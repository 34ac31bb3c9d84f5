"""Demonstrations that grow: those of an expert, and what students met in rounds of DAgger."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from lrs_lightning.data import Demonstration, DemonstrationStore, append_episodes, split_numbers
from lrs_lightning.data.manifest import MANIFEST
from lrs_lightning.errors import ArgumentError, DataError
from lrs_lightning.locking import LOCK
from lrs_lightning.training.by_number import ByNumber, Numbers, loader
from lrs_lightning.training.datamodule import ExpertTrajectories, Loader
from lrs_lightning.training.run_folder import folder_of

FOLDER = "demonstrations"
"""Of a run: the store that grows."""


class GrowingTrajectories(ExpertTrajectories):
    """The windows of a store, and of the rounds that have been played.

    The run folder has a store of its own, a copy of the one that training began with. Which
    episodes are learned from follows from `rounds` alone, so that a run that was cut and goes on
    sees what it saw, whatever was stored before it was cut. Held out are episodes of the first
    store, the same in all rounds; mean and deviation of the observations are those of the first
    store too.

    Args:
        **options: as `ExpertTrajectories`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.rounds = 0
        """Rounds that are learned from."""

    @cached_property
    def first(self) -> DemonstrationStore:
        """The store that training began with."""
        return DemonstrationStore(self.folder, self.env)

    @property
    def stores(self) -> list[DemonstrationStore]:
        """What a resumed run must share: the first store."""
        return [self.first]

    @property
    def demonstrator(self) -> str:
        """Who demonstrated; see `ExpertTrajectories.demonstrator`."""
        return str(self.first.manifest.get("expert", ""))

    @cached_property
    def store(self) -> DemonstrationStore:
        """The run's own store as it is now, or the first one where there is none yet."""
        own = self.own
        return self.first if own is None else DemonstrationStore(own, self.env)

    @property
    def own(self) -> Path | None:
        """The run's own store; None before there is one."""
        folder = None if self.trainer is None else folder_of(self.trainer)
        own = None if folder is None else folder / FOLDER
        return own if own is not None and (own / MANIFEST).is_file() else None

    @property
    def numbers(self) -> tuple[list[int], list[int]]:
        """Training and validation episodes in the store."""
        train, held_out = split_numbers(self.first, self.val_fraction)
        rounds = self.store.origins[len(self.first) :]
        before = self._rounds_before
        new = [i for i, origin in enumerate(rounds) if origin.round - before <= self.rounds]
        return train + [len(self.first) + i for i in new], held_out

    @property
    def _rounds_before(self) -> int:
        """Rounds that the first store had already, from an earlier run."""
        return max((origin.round for origin in self.first.origins), default=0)

    def prepare_data(self) -> None:
        """Collect the first store where there is none, and copy it into the run folder.

        Raises:
            DataError: its steps are uneven in time, which a rollout's are not.
        """
        super().prepare_data()
        if self.trainer is None or getattr(self.trainer, "fast_dev_run", False):
            return
        if self.task.time_unit is not None:
            raise DataError(
                f"steps of {self.folder} are uneven in time and those of a rollout are even: "
                "DAgger cannot mix them, resample the recordings"
            )
        folder = folder_of(self.trainer)
        if folder is not None and not (folder / FOLDER / MANIFEST).is_file():
            _copy(self.folder, folder / FOLDER)
        self.look_again()

    def has_round(self, number: int) -> bool:
        """Whether a round of this run has been stored, before it was cut."""
        before = self._rounds_before
        rounds = self.store.origins[len(self.first) :]
        return any(origin.round - before == number for origin in rounds)

    def grow(self, episodes: Sequence[Demonstration]) -> None:
        """Store the episodes of a round.

        Raises:
            DataError: they cannot be written.
        """
        assert self.own is not None
        append_episodes(self.own, episodes)

    def resume(self, rounds: int) -> None:
        """Learn from the rounds of a checkpoint; a run that goes on elsewhere takes them along.

        Raises:
            ArgumentError: the store has not so many.
            OSError: they cannot be written.
        """
        assert self.trainer is not None
        gathered = Path(str(self.trainer.ckpt_path)).parent.parent / FOLDER
        self.look_again()
        own, lacking = self.own, bool(rounds) and not self.has_round(rounds)
        there = (gathered / MANIFEST).is_file()
        if lacking and there and own is not None and not gathered.samefile(own):
            _copy(gathered, own)
        self.go_on(rounds)

    def go_on(self, rounds: int) -> None:
        """Learn from so many rounds from now on.

        Raises:
            ArgumentError: the store has not so many.
        """
        self.rounds = rounds
        self.look_again()
        if rounds and not self.has_round(rounds):
            raise ArgumentError(
                f"{self.store.folder} has no round {rounds}, which the checkpoint was trained on: "
                "leave the folder `demonstrations` of a run beside its checkpoints"
            )

    def look_again(self) -> None:
        """Forget what followed from the store before."""
        for name in ("store", "split", "_train", "_starts"):
            self.__dict__.pop(name, None)

    def train_dataloader(self) -> Loader:
        """Random windows of whatever the store holds when a batch is asked for."""
        return loader(ByNumber(self.train_batch), Numbers(self.batches, self._batches_trained))


def _copy(source: Path, target: Path) -> None:
    """Copy a store; the manifest, which makes it one, last.

    Raises:
        OSError: it cannot be written.
    """
    target.mkdir(parents=True, exist_ok=True)
    names = sorted(path.name for path in source.iterdir() if path.name not in (LOCK, MANIFEST))
    for name in (*names, MANIFEST):
        shutil.copyfile(source / name, target / name)
