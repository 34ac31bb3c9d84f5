"""Expert trajectories for training: Lightning's side of `lrs_lightning.data`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from lrs_lightning.data import (
    Demonstration,
    DemonstrationStore,
    FixedBatches,
    FrameWindows,
    RandomBatches,
    SharedOut,
    Task,
    WindowBatch,
    Windows,
    observation_statistics,
    oversample,
    split_numbers,
)
from lrs_lightning.data.features import encoded_episodes
from lrs_lightning.data.manifest import MANIFEST, read_manifest, task_of
from lrs_lightning.data.noise_schedule import AUTO, as_text
from lrs_lightning.data.recipe import Recipe, find_or_collect
from lrs_lightning.data.timespans import time_unit_of
from lrs_lightning.env_variant import variant_text
from lrs_lightning.envs import canonical_id, why_not
from lrs_lightning.errors import ArgumentError
from lrs_lightning.experts import load_expert
from lrs_lightning.nn.encoders import Encoder
from lrs_lightning.rollout import Policy

DEFAULT_ENV = "HalfCheetah-v5"

Loader = DataLoader[Any]


class ExpertTrajectories(pl.LightningDataModule):
    """Windows of an expert's demonstrations.

    Args:
        env: environment id, or `module:Class` of your own; where absent, that of the store at
            `path`, or HalfCheetah-v5.
        path: folder of a store; where absent, demonstrations are collected on first use into the
            user's cache and found there again.
        expert: who demonstrates, if they must be collected: whatever `evaluate --policy` takes.
        episodes: how many episodes to collect.
        noise: standard deviation of the noise on executed actions: a schedule over the episodes
            such as `"0:0.4"`, or one value; `"auto"`: `"0:0.4"`, of discrete actions `"0:0.1"`.
        window: steps of a window T.
        burn_in: steps at the start of a window that are not learned.
        batch_size: windows in a batch B.
        batches: batches in a training epoch.
        start_share: share of the windows of a batch, on average, that begin an episode; why, see
            `data.sampling.oversample`.
        val_fraction: share of the episodes held out; they are spread over the noise schedule.
        seed: data seed: which episodes are collected, and the order of the windows.
        env_kwargs: arguments of the environment, e.g. `{g: 5.0}`.
        wrappers: put around it, the last one outermost: names of `gymnasium.wrappers` with options
            where needed, `FrameStackObservation(stack_size=4)`, or `module:Class`.
        statistics: of a Stable-Baselines3 expert: the pickle of its `VecNormalize`, or `"none"`.
    """

    def __init__(
        self,
        env: str | None = None,
        path: str | None = None,
        expert: str = "shipped",
        episodes: int = 20,
        noise: str | float = AUTO,
        window: int = 32,
        burn_in: int = 8,
        batch_size: int = 32,
        batches: int = 500,
        start_share: float = 0.1,
        val_fraction: float = 0.1,
        seed: int = 0,
        env_kwargs: dict[str, Any] | None = None,
        wrappers: list[str] | None = None,
        statistics: str | None = None,
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
        self.env, self.path = env_of(env, path, env_kwargs, wrappers), path
        self.recipe = Recipe(self.env, expert, episodes, as_text(noise), seed, statistics)
        self.window, self.burn_in = window, burn_in
        self.batch_size, self.batches = batch_size, batches
        self.start_share, self.val_fraction, self.seed = start_share, val_fraction, seed
        self._encoder: Encoder | None = None

    def learn_from_features(self, encoder: Encoder) -> None:
        """From now on hand out what a frozen encoder makes of pictures, `(B, T, F)`.

        It is computed when windows are first asked for, since the weights of the encoder may come
        with a checkpoint.
        """
        self._encoder = encoder

    @property
    def folder(self) -> Path:
        """Where the store is, or will be."""
        return Path(self.path) if self.path else self.recipe.folder

    def prepare_data(self) -> None:
        """Collect the demonstrations where there are none yet."""
        if not self.path:
            find_or_collect(self.recipe, _collect, say=self._say)

    @property
    def _say(self) -> Callable[[str], Any]:
        quiet = self.trainer is not None and self.trainer.progress_bar_callback is None
        return _say_nothing if quiet else print

    @cached_property
    def store(self) -> DemonstrationStore:
        """The store, opened and verified once."""
        return DemonstrationStore(self.folder, self.env)

    @property
    def stores(self) -> list[DemonstrationStore]:
        """All stores that are learned from: this one."""
        return [self.store]

    @property
    def demonstrator(self) -> str:
        """Who demonstrated: `"shipped"`, the path of an expert, or a name that nobody can load."""
        return str(self.store.manifest.get("expert", ""))

    def load_demonstrator(self, expert: str, env_id: str) -> Policy:
        """An expert by name; one of the user's own code only where he named it himself."""
        if self.path or expert != self.recipe.expert:
            return load_expert(expert, env_id)
        return _demonstrator(expert, env_id, self.recipe.statistics)

    @cached_property
    def task(self) -> Task:
        """Spaces of the task, from the store; and its unit of time where steps are uneven."""
        return replace(self.store.task, time_unit=time_unit_of(chain(*self.split)))

    @property
    def numbers(self) -> tuple[list[int], list[int]]:
        """Training and validation episodes, by their numbers in the store."""
        return split_numbers(self.store, self.val_fraction)

    @cached_property
    def split(self) -> tuple[list[Demonstration], list[Demonstration]]:
        """Training and validation episodes."""
        train, held_out = self.numbers
        return [self.store[i] for i in train], [self.store[i] for i in held_out]

    @cached_property
    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each observation channel in the training episodes."""
        return observation_statistics(self.split[0], self.task)

    @cached_property
    def _train(self) -> Windows | FrameWindows:
        return self._windows(held_out=False)

    @cached_property
    def _val(self) -> Windows | FrameWindows:
        return self._windows(held_out=True)

    def _windows(self, held_out: bool) -> Windows | FrameWindows:
        episodes = self.split[held_out]
        if self._encoder is not None:
            episodes = encoded_episodes(
                self.store, self.numbers[held_out], self._encoder, self._say
            )
        if not self.task.pixels or self._encoder is not None:
            return Windows(episodes, self.window, self.burn_in, self.task.time_unit)
        stack = self.task.observation_shape[0]
        return FrameWindows(episodes, self.window, self.burn_in, stack, self.task.time_unit)

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        windows = self._train
        return oversample(windows.window_starts, windows.episode_starts, self.start_share)

    def _train_batches(self, seed: int | None = None) -> RandomBatches:
        seed = self.seed if seed is None else seed
        return RandomBatches(
            self._starts, self.batch_size, self.batches, seed, self._batches_trained
        )

    @cached_property
    def _val_batches(self) -> FixedBatches:
        return FixedBatches(self._val.tiles(), self.batch_size)

    def train_dataloader(self) -> Loader:
        """Random windows; an epoch is `batches` batches."""
        # A batch is one gather from memory: worker processes would only copy it once more.
        return DataLoader(self._train, sampler=self._shared(self._train_batches()), batch_size=None)

    def _batches_trained(self) -> int:
        """By all processes together, which share the batches out."""
        if self.trainer is None:
            return 0
        return (self.trainer.fit_loop.total_batch_idx + 1) * self.trainer.world_size

    def val_dataloader(self) -> Loader:
        """The held-out episodes, each window once."""
        sampler = self._shared(self._val_batches, even=False)
        return DataLoader(self._val, sampler=sampler, batch_size=None)

    def _shared(self, batches: RandomBatches | FixedBatches, even: bool = True) -> Any:
        """The share of this process; all of them where it is alone, or some would have none."""
        count = 1 if self.trainer is None else self.trainer.world_size
        if self.trainer is None or count == 1 or len(batches) < count:
            return batches
        return SharedOut(batches, self.trainer.global_rank, count, even)

    test_dataloader = val_dataloader
    predict_dataloader = val_dataloader

    def train_batch(self, number: int, seed: int | None = None) -> WindowBatch:
        """A batch of the training, counted from 0 over all epochs, once more.

        Args:
            number: of the batch.
            seed: of the order of the windows, where it is another than that of these data.
        """
        return self._train[self._train_batches(seed).batch(number)]

    def held_out_batch(self, number: int) -> WindowBatch | None:
        """A batch of the validation, counted from 0; None past the last one."""
        batches = self._val_batches
        return self._val[batches.batch(number)] if number < len(batches) else None

    @property
    def held_out_batches(self) -> int:
        """How many batches a validation has."""
        return len(self._val_batches)

    def place(
        self,
        batch: int,
        window: int,
        step: int,
        held_out: bool = False,
        seed: int | None = None,
    ) -> str:
        """Where a step of a batch comes from: file, episode and step.

        Args:
            batch: its number, in training over all epochs.
            window: which of the windows of the batch.
            step: which step of the window.
            held_out: whether it is a batch of the validation.
            seed: of the order of the windows, where it is another than that of these data.
        """
        windows = self._val if held_out else self._train
        batches = self._val_batches if held_out else self._train_batches(seed)
        episode, at = windows.index.locate(int(batches.batch(batch)[window]), step)
        return f"{self.store.place(self.numbers[held_out][episode])}, step {at}"


def env_of(
    env: str | None,
    path: str | None,
    env_kwargs: Mapping[str, Any] | None = None,
    wrappers: Sequence[str] | None = None,
) -> str:
    """The task: the one that was named, else that of the store at `path`, else `DEFAULT_ENV`.

    Arguments and wrappers are added to it.

    Raises:
        DataError: `path` is no store, and no task was named.
        ArgumentError: a task was named that nobody knows, and the store is of another.
    """

    def whole(name: str) -> str:
        return canonical_id(variant_text(name, env_kwargs, wrappers))

    if path is None:
        return whole(DEFAULT_ENV if env is None else env)
    if env is None:
        return whole(task_of(read_manifest(Path(path)), Path(path)).env)
    named = whole(env)
    if (Path(path) / MANIFEST).is_file() and (reason := why_not(named)) is not None:
        stored = task_of(read_manifest(Path(path)), Path(path)).env
        if stored != named:
            raise ArgumentError(
                f"--data.env {env} cannot be played ({reason.rstrip('.')}), and {path} holds "
                f"demonstrations of {stored}: leave --data.env out, and they are trained on"
            )
    return named


def _collect(expert: str, env: str, **how: Any) -> DemonstrationStore:
    """Collect by whatever `evaluate --policy` takes; only the user's own words name an expert."""
    from lrs_lightning.data.collect import collect  # the simulators take a second to import

    policy = _demonstrator(expert, env, how.get("statistics"))
    return collect(env, expert=expert, policy=policy, **how)


def _demonstrator(expert: str, env: str, statistics: str | None) -> Policy:
    from lrs_lightning.evaluation.policies import demonstrator
    from lrs_lightning.training.candidate import load_candidate

    return demonstrator(expert, env, load_candidate, statistics)


def _say_nothing(line: str) -> None:
    """Where no progress is wanted."""
