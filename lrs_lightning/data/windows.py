"""Windows of demonstrations: contiguous steps, not learned from until the state has settled.

A window that starts inside an episode begins with an empty hidden state, which the policy never has
there in closed loop. The first `burn_in` steps of such a window are therefore seen but not learned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from lrs_lightning.data.store import Demonstration
from lrs_lightning.errors import ArgumentError


class WindowBatch(NamedTuple):
    """Windows side by side: B windows of T steps.

    Args:
        observations: raw observations, `(B, T, *observation)`.
        labels: the expert's actions, `(B, T, A)` or `(B, T)`.
        weights: 1 where the loss counts, 0 in burn-in and padding, `(B, T)`.
    """

    observations: Tensor
    labels: Tensor
    weights: Tensor


class WindowIndex:
    """Where windows lie in episodes that are laid end to end, and which of their steps count.

    Args:
        lengths: steps of each episode.
        length: steps of a window T.
        burn_in: steps at the start of a window that are not learned, except at an episode's start.

    Raises:
        ArgumentError: if no step would be learned, or there are no episodes.
    """

    def __init__(self, lengths: Sequence[int], length: int, burn_in: int) -> None:
        if not 0 <= burn_in < length:
            raise ArgumentError(
                f"burn_in is {burn_in} and the window has {length} steps: at least one step must "
                "be left to learn from (0 <= burn_in < length)"
            )
        if not len(lengths):
            raise ArgumentError("there are no episodes to take windows from: collect more")
        self.length, self.burn_in = length, burn_in
        sizes = np.array(lengths)
        self._ends = torch.from_numpy(np.cumsum(sizes))
        self.episode_starts = np.cumsum(sizes) - sizes
        self._begins = torch.zeros(int(sizes.sum()), dtype=torch.bool)
        self._begins[torch.from_numpy(self.episode_starts)] = True
        # A window may start wherever it still fits; a short episode has one, padded at its end.
        self.starts = np.concatenate(
            [
                s + np.arange(max(1, n - length + 1))
                for s, n in zip(self.episode_starts, sizes, strict=True)
            ]
        )

    def gather(self, start: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Steps `(B, T)` of the windows at `start (B,)`, the last repeated past an end; weights."""
        first = torch.from_numpy(np.asarray(start))
        end = self._ends[torch.searchsorted(self._ends, first, right=True)]  # (B,)
        offset = torch.arange(self.length)
        steps = first[:, None] + offset  # (B, T)
        inside = steps < end[:, None]
        weights = inside & (self._begins[first][:, None] | (offset >= self.burn_in))
        return torch.minimum(steps, end[:, None] - 1), weights.float()

    def tiles(self) -> NDArray[np.int64]:
        """Starts of windows that lie side by side and cover every episode once, for validation."""
        ends = self._ends.numpy()
        return np.concatenate(
            [np.arange(s, e, self.length) for s, e in zip(self.episode_starts, ends, strict=True)]
        )


class Windows(Dataset[WindowBatch]):
    """All windows of some episodes, held in memory; an item is a whole batch, gathered at once.

    Args:
        episodes: the demonstrations.
        length: steps of a window T.
        burn_in: steps at the start of a window that are not learned, except at an episode's start.

    Raises:
        ArgumentError: if no step would be learned, or there are no episodes.
    """

    def __init__(self, episodes: Sequence[Demonstration], length: int, burn_in: int) -> None:
        self.index = WindowIndex([len(episode) for episode in episodes], length, burn_in)
        self.length = length
        self.starts, self.episode_starts = self.index.starts, self.index.episode_starts
        self.observations = torch.from_numpy(np.concatenate([e.observations for e in episodes]))
        self.labels = torch.from_numpy(np.concatenate([e.labels for e in episodes]))

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, start: NDArray[np.int64]) -> WindowBatch:
        """Gather the windows that start at the steps `start`, `(B,)`."""
        steps, weights = self.index.gather(start)
        return WindowBatch(self.observations[steps], self.labels[steps], weights)

    def tiles(self) -> NDArray[np.int64]:
        """Starts of windows that lie side by side and cover every episode once, for validation."""
        return self.index.tiles()


def favour(starts: NDArray[np.int64], some: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """Repeat some starts, so that a random draw from the result takes one of them that often.

    An episode begins from rest, a state that it hardly ever sees again: one window in hundreds. A
    policy that has not learned it stands still for ever, so that training looks there more often.

    Args:
        starts: where windows may start, `(W,)`.
        some: those that are to be drawn more often, `(S,)`.
        share: how often, at least; 0 leaves the starts as they are.

    Raises:
        ArgumentError: the share is not in [0, 1).
    """
    if not 0 <= share < 1:
        raise ArgumentError(f"start_share is {share}, expected a share of at least 0 and below 1")
    copies = round(share / (1 - share) * len(starts) / len(some))
    return np.concatenate([starts, np.tile(some, copies)])


class RandomBatches(Sampler[NDArray[np.int64]]):
    """Batches of random window starts; batch k is a pure function of seed and k.

    Args:
        starts: where windows may start, `(W,)`.
        batch_size: windows in a batch B.
        batches: batches in an epoch.
        seed: data seed.
        position: how many batches have been trained on when an epoch begins. A run that resumes
            goes on with the very batch that it would have come to, whatever its epochs are called.
    """

    def __init__(
        self,
        starts: NDArray[np.int64],
        batch_size: int,
        batches: int,
        seed: int,
        position: Callable[[], int] = lambda: 0,
    ) -> None:
        self.starts, self.batch_size, self.batches, self.seed = starts, batch_size, batches, seed
        self.position = position

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        first = self.position()
        for k in range(first, first + self.batches):
            yield np.random.default_rng([self.seed, k]).choice(self.starts, self.batch_size)


class FixedBatches(Sampler[NDArray[np.int64]]):
    """The given window starts, in order, in batches."""

    def __init__(self, starts: NDArray[np.int64], batch_size: int) -> None:
        self.starts, self.batch_size = starts, batch_size

    def __len__(self) -> int:
        return -(-len(self.starts) // self.batch_size)

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        for i in range(0, len(self.starts), self.batch_size):
            yield self.starts[i : i + self.batch_size]
