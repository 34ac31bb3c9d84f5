"""Which windows make a batch: drawn at random for training, in order for validation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DistributedSampler, Sampler

from lrs_lightning.errors import ArgumentError


def oversample(
    window_starts: NDArray[np.int64], chosen: NDArray[np.int64], share: float
) -> NDArray[np.int64]:
    """Repeat some window starts, so that a random draw takes one of them as often as is wanted.

    An episode begins from rest, a state that it hardly ever sees again: one window in hundreds. A
    policy that has not learned it stands still for ever, so that training looks there more often.

    Args:
        window_starts: where windows may start, `(W,)`.
        chosen: those that are to be drawn more often, `(S,)`.
        share: how often, at least; 0 leaves the starts as they are.

    Raises:
        ArgumentError: the share is not in [0, 1).
    """
    if not 0 <= share < 1:
        raise ArgumentError(f"start_share is {share}, expected a share of at least 0 and below 1")
    copies = round(share / (1 - share) * len(window_starts) / len(chosen))
    return np.concatenate([window_starts, np.tile(chosen, copies)])


class RandomBatches(Sampler[NDArray[np.int64]]):
    """Batches of random window starts; batch k is a pure function of seed and k.

    Args:
        window_starts: where windows may start, `(W,)`.
        batch_size: windows in a batch B.
        batches: batches in an epoch.
        seed: data seed.
        position: how many batches have been trained on when an epoch begins. A run that resumes
            goes on with the very batch that it would have come to, whatever its epochs are called.
    """

    def __init__(
        self,
        window_starts: NDArray[np.int64],
        batch_size: int,
        batches: int,
        seed: int,
        position: Callable[[], int] = lambda: 0,
    ) -> None:
        self.window_starts, self.batch_size = window_starts, batch_size
        self.batches, self.seed, self.position = batches, seed, position

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        first = self.position()
        for k in range(first, first + self.batches):
            yield self.batch(k)

    def batch(self, number: int) -> NDArray[np.int64]:
        """The starts `(B,)` of a batch, counted from 0 over all epochs."""
        draw = np.random.default_rng([self.seed, number])
        return draw.choice(self.window_starts, self.batch_size)


class FixedBatches(Sampler[NDArray[np.int64]]):
    """The given window starts, in order, in batches."""

    def __init__(self, window_starts: NDArray[np.int64], batch_size: int) -> None:
        self.window_starts, self.batch_size = window_starts, batch_size

    def __len__(self) -> int:
        return -(-len(self.window_starts) // self.batch_size)

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        return (self.batch(number) for number in range(len(self)))

    def batch(self, number: int) -> NDArray[np.int64]:
        """The starts of a batch."""
        first = number * self.batch_size
        return self.window_starts[first : first + self.batch_size]


class SharedOut(DistributedSampler[NDArray[np.int64]]):
    """The batches of a sampler shared out among processes, in turns and none twice.

    Update k of n processes sees the batches k n ... k n + n - 1, those that one process sees that
    adds up the gradients of n.

    Args:
        batches: the sampler, the same in all processes.
        rank: number of this process.
        count: of processes, n.
        even: leave out the last batches, so that all processes have as many.
    """

    def __init__(
        self,
        batches: Sampler[NDArray[np.int64]],
        rank: int,
        count: int,
        even: bool,
    ) -> None:
        self._batches, self._rank, self._count, self._even = batches, rank, count, even
        self.epoch = 0  # which a trainer sets

    def __len__(self) -> int:
        whole = len(self._batches)  # type: ignore[arg-type]
        return whole // self._count if self._even else len(range(self._rank, whole, self._count))

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        return islice(islice(self._batches, self._rank, None, self._count), len(self))
