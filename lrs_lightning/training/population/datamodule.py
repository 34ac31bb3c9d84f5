"""The demonstrations of a population: each member has its own order, and may have its own store.

A *source* is a store of demonstrations as one encoder sees it, a *stream* one order of its windows.
Members of one stream see the very same batches, which are gathered once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import lightning.pytorch as pl
import torch
from torch import Tensor

from lrs_lightning.data import DemonstrationStore, Task, WindowBatch
from lrs_lightning.errors import DataError
from lrs_lightning.nn.encoders import Encoder
from lrs_lightning.rollout import Policy
from lrs_lightning.training.by_number import ByNumber, Numbers, loader
from lrs_lightning.training.datamodule import ExpertTrajectories, Loader

Batches = tuple[WindowBatch, ...]


class PopulationTrajectories(pl.LightningDataModule):
    """Windows for all members at once.

    Args:
        make: makes the data of a single `fit` from its data seed.
        seeds: data seed of each member, `(P,)`.
        encoders: hash of the frozen encoder whose features each member learns from, `(P,)`; None
            for a member that sees the observations themselves, or instead of the list for all.
    """

    def __init__(
        self,
        make: Callable[[int], ExpertTrajectories],
        seeds: Sequence[int],
        encoders: Sequence[str | None] | None = None,
    ) -> None:
        super().__init__()
        sources: dict[tuple[str, str | None], ExpertTrajectories] = {}
        streams: dict[tuple[tuple[str, str | None], int], int] = {}
        self.source_of: list[int] = []
        """Member -> its source, the place of its batch in those of a validation."""
        self.stream_of: list[int] = []
        """Member -> its stream, the place of its batch in those of an update."""
        for seed, encoder in zip(seeds, encoders or [None] * len(seeds), strict=True):
            data = make(seed)
            source = str(data.folder), encoder
            sources.setdefault(source, data)
            self.source_of.append(list(sources).index(source))
            self.stream_of.append(streams.setdefault((source, seed), len(streams)))
        self.sources = list(sources.values())
        self.streams = [(sources[source], seed) for source, seed in streams]
        first = self.sources[0]
        for name in ("window", "burn_in", "batch_size", "batches", "start_share", "val_fraction"):
            setattr(self, name, getattr(first, name))  # what a resumed run must share
        self.env, self.batches = first.env, first.batches

    def prepare_data(self) -> None:
        """Collect the demonstrations where there are none yet."""
        for source in self.sources:
            source.trainer = self.trainer
            source.prepare_data()
            if source.task.time_unit is not None:
                raise DataError(
                    f"steps of {source.folder} are uneven in time, which a population does not "
                    "take: train its members one by one, or resample the recordings"
                )

    @property
    def stores(self) -> list[DemonstrationStore]:
        """All stores that are learned from."""
        return [store for source in self.sources for store in source.stores]

    @property
    def task(self) -> Task:
        """Spaces of the task, the same in all stores."""
        return self.sources[0].task

    @property
    def demonstrator(self) -> str:
        """Who demonstrated; see `ExpertTrajectories.demonstrator`."""
        return self.sources[0].demonstrator

    def load_demonstrator(self, expert: str, env_id: str) -> Policy:
        """An expert by name; see `ExpertTrajectories.load_demonstrator`."""
        return self.sources[0].load_demonstrator(expert, env_id)

    def statistics(self, member: int) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of what a member learns from."""
        return self.sources[self.source_of[member]].statistics

    def learn_from_features(self, member: int, encoder: Encoder) -> None:
        """From now on hand out features; see `ExpertTrajectories.learn_from_features`."""
        self.sources[self.source_of[member]].learn_from_features(encoder)

    def place(self, member: int, batch: int, window: int, step: int) -> str:
        """Where a step of a member's batch comes from: file, episode and step."""
        source, seed = self.streams[self.stream_of[member]]
        return source.place(batch, window, step, seed=seed)

    def train_dataloader(self) -> Loader:
        """A batch of each stream; an epoch is `batches` of them."""
        numbers = Numbers(self.batches, self._batches_trained)
        return loader(ByNumber(self._train_batch), numbers)

    def val_dataloader(self) -> Loader:
        """A batch of each source; the held-out episodes, each window once."""
        numbers = Numbers(max(source.held_out_batches for source in self.sources))
        return loader(ByNumber(self._held_out_batch), numbers)

    def _batches_trained(self) -> int:
        return 0 if self.trainer is None else self.trainer.fit_loop.total_batch_idx + 1

    def _train_batch(self, number: int) -> Batches:
        return tuple(source.train_batch(number, seed) for source, seed in self.streams)

    def _held_out_batch(self, number: int) -> Batches:
        found = [source.held_out_batch(number) for source in self.sources]
        rows = max(len(batch.loss_mask) for batch in found if batch is not None)
        return tuple(
            _filled_up(batch, rows, source)
            for batch, source in zip(found, self.sources, strict=True)
        )


def _filled_up(batch: WindowBatch | None, rows: int, source: ExpertTrajectories) -> WindowBatch:
    """The batch with windows that do not count, so that all sources have as many."""
    counted = 0 if batch is None else len(batch.loss_mask)
    given = source.held_out_batch(0) if batch is None else batch
    assert given is not None
    which = torch.arange(rows).clamp(max=len(given.loss_mask) - 1)  # what is repeated is a window
    inside = (torch.arange(rows) < counted).to(given.loss_mask.dtype)
    return WindowBatch(
        given.observations[which],
        given.labels[which],
        given.loss_mask[which] * inside[:, None],
        None if given.timespans is None else given.timespans[which],
    )
