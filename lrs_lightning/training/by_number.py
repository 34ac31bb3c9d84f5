"""Batches by their numbers: whichever data there are when one is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch.utils.data import DataLoader, Dataset, Sampler


class ByNumber(Dataset[Any]):
    """Batches by their numbers.

    Args:
        get: the batch of a number.
    """

    def __init__(self, get: Callable[[int], Any]) -> None:
        self._get = get

    def __getitem__(self, number: int) -> Any:
        return self._get(number)


class Numbers(Sampler[int]):
    """The numbers of the batches of an epoch, which begins where the last one ended.

    Args:
        count: batches of an epoch.
        position: how many batches there have been when an epoch begins.
    """

    def __init__(self, count: int, position: Callable[[], int] = lambda: 0) -> None:
        self._count, self._position = count, position

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        first = self._position()
        return iter(range(first, first + self._count))


def loader(batches: ByNumber, numbers: Numbers) -> DataLoader[Any]:
    """What Lightning takes."""
    # A batch is one gather: worker processes would only copy it once more.
    return DataLoader(batches, sampler=numbers, batch_size=None)
