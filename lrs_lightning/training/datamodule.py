"""Expert trajectories for training: collected on first use, split by episode, cut into windows."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from lrs_kernels.cache import cache_folder
from lrs_lightning.data import (
    Demonstration,
    DemonstrationStore,
    FixedBatches,
    FrameWindows,
    RandomBatches,
    Task,
    Windows,
    favour,
)
from lrs_lightning.envs import canonical_id, domain_of
from lrs_lightning.errors import ArgumentError

Loader = DataLoader[Any]


class ExpertTrajectories(pl.LightningDataModule):
    """Windows of an expert's demonstrations.

    Args:
        env: environment id.
        path: folder of a store; where absent, demonstrations are collected on first use into the
            user's cache and found there again.
        expert: who demonstrates, if they must be collected: `"shipped"` or a path.
        episodes: how many episodes to collect.
        noise: standard deviation of the noise on executed actions: a ladder over the episodes such
            as `"0:0.4"`, or one value.
        window: steps of a window T.
        burn_in: steps at the start of a window that are not learned.
        batch_size: windows in a batch B.
        batches: batches in a training epoch.
        start_share: share of the windows of a batch, on average, that begin an episode; why, see
            `data.windows.favour`.
        val_fraction: share of the episodes held out; they are spread over the ladder.
        seed: data seed: which episodes are collected, and the order of the windows.
    """

    def __init__(
        self,
        env: str = "HalfCheetah-v5",
        path: str | None = None,
        expert: str = "shipped",
        episodes: int = 20,
        noise: str = "0:0.4",
        window: int = 32,
        burn_in: int = 8,
        batch_size: int = 32,
        batches: int = 500,
        start_share: float = 0.1,
        val_fraction: float = 0.1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not 0 < val_fraction < 1:
            raise ArgumentError(f"val_fraction is {val_fraction}, expected a share between 0 and 1")
        for name, number in (
            ("batch_size", batch_size),
            ("batches", batches),
            ("episodes", episodes),
        ):
            if number < 1:
                raise ArgumentError(f"{name} is {number}, expected at least 1")
        env = canonical_id(env)
        self.env, self.path, self.expert, self.episodes, self.noise = (
            env,
            path,
            expert,
            episodes,
            noise,
        )
        self.window, self.burn_in, self.batch_size, self.batches = (
            window,
            burn_in,
            batch_size,
            batches,
        )
        self.start_share, self.val_fraction, self.seed = start_share, val_fraction, seed

    @property
    def folder(self) -> Path:
        """Where the store is, or will be."""
        return Path(self.path) if self.path else self._cache_folder()

    def prepare_data(self) -> None:
        """Collect the demonstrations if nobody has yet."""
        if self.path or (self.folder / "manifest.json").is_file():
            return
        from lrs_lightning.data.collect import collect

        print(f"collecting {self.episodes} episodes of {self.env} into {self.folder}", flush=True)
        store = collect(self.env, self.folder, self.expert, self.episodes, self.noise, self.seed)
        returns = store.manifest["returns"]
        print(f"collected: mean return {sum(returns) / len(returns):.0f} under noise", flush=True)

    @cached_property
    def store(self) -> DemonstrationStore:
        """The store, opened and verified once."""
        return DemonstrationStore(self.folder, self.env)

    @property
    def task(self) -> Task:
        """Spaces of the task, from the store."""
        return self.store.task

    @cached_property
    def split(self) -> tuple[list[Demonstration], list[Demonstration]]:
        """Training and validation episodes; the held-out ones lie evenly along the noise ladder."""
        episodes = list(self.store)
        told = self.store.manifest.get("validation")
        if told:  # whoever made the store has held some out already
            train = [e for i, e in enumerate(episodes) if i not in set(told)]
            return train, [episodes[i] for i in told]
        held_out = max(1, round(self.val_fraction * len(episodes)))
        if held_out >= len(episodes):
            raise ArgumentError(
                f"{self.store.folder} has {len(episodes)} episode(s) and {held_out} would be "
                "held out for validation: collect more"
            )
        every = len(episodes) / held_out
        chosen = {int((i + 0.5) * every) for i in range(held_out)}
        train = [e for i, e in enumerate(episodes) if i not in chosen]
        return train, [e for i, e in enumerate(episodes) if i in chosen]

    @cached_property
    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each observation channel in the training episodes.

        Pixels are only scaled, by their encoder: 0 and 1.
        """
        if self.task.pixels:
            return torch.zeros(1), torch.ones(1)
        observations = np.concatenate([episode.observations for episode in self.split[0]])
        seen = torch.from_numpy(observations).double()
        return seen.mean(0).float(), seen.std(0).float()

    @cached_property
    def _train(self) -> Windows | FrameWindows:
        return self._windows(self.split[0])

    @cached_property
    def _val(self) -> Windows | FrameWindows:
        return self._windows(self.split[1])

    def _windows(self, episodes: list[Demonstration]) -> Windows | FrameWindows:
        if not self.task.pixels:
            return Windows(episodes, self.window, self.burn_in)
        return FrameWindows(episodes, self.window, self.burn_in, self.task.observation_shape[0])

    def train_dataloader(self) -> Loader:
        """Random windows; an epoch is `batches` batches."""
        windows = self._train
        starts = favour(windows.starts, windows.episode_starts, self.start_share)
        sampler = RandomBatches(
            starts, self.batch_size, self.batches, self.seed, self._batches_trained
        )
        # A batch is one gather from memory: worker processes would only copy it once more.
        return DataLoader(windows, sampler=sampler, batch_size=None)

    def _batches_trained(self) -> int:
        trainer = self.trainer
        return trainer.global_step * trainer.accumulate_grad_batches if trainer else 0

    def val_dataloader(self) -> Loader:
        """The held-out episodes, each window once."""
        return DataLoader(
            self._val, sampler=FixedBatches(self._val.tiles(), self.batch_size), batch_size=None
        )

    test_dataloader = val_dataloader
    predict_dataloader = val_dataloader

    def _cache_folder(self) -> Path:
        """A name for each recipe: whatever changes the episodes changes the folder."""
        recipe = {
            "expert": _fingerprint(self.expert),
            "episodes": self.episodes,
            "noise": self.noise,
            "seed": self.seed,
            "simulator": version(domain_of(self.env).simulator),
        }
        digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:12]
        cache = cache_folder("lrs_lightning")
        return cache / "demonstrations" / f"{self.env.replace('/', '_')}-{digest}"


def _fingerprint(expert: str) -> str:
    path = Path(expert)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else expert
