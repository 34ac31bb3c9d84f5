"""Which episodes are held out for validation."""

from __future__ import annotations

from collections.abc import Sequence

from lrs_lightning.data.demonstration import Demonstration
from lrs_lightning.data.store import DemonstrationStore
from lrs_lightning.errors import ArgumentError

Split = tuple[list[Demonstration], list[Demonstration]]


def split_episodes(store: DemonstrationStore, fraction: float) -> Split:
    """Training and validation episodes.

    Where the store was made with some held out, these are the ones. Else they lie evenly along
    the store, and so along the schedule of noise.

    Args:
        store: the demonstrations.
        fraction: share of the episodes held out; at least one is.

    Raises:
        ArgumentError: nothing would be left to train on.
    """
    told = [i for i, origin in enumerate(store.origins) if origin.held_out]
    held_out = set(told or evenly(len(store), max(1, round(fraction * len(store)))))
    if len(held_out) >= len(store):
        raise ArgumentError(
            f"{store.folder} has {len(store)} episode(s) and {len(held_out)} would be "
            "held out for validation: collect more"
        )
    return _divided(list(store), held_out)


def evenly(count: int, chosen: int) -> list[int]:
    """Numbers of `chosen` things out of `count`, in even steps."""
    every = count / chosen
    return [int((i + 0.5) * every) for i in range(chosen)]


def _divided(episodes: Sequence[Demonstration], held_out: set[int]) -> Split:
    train = [e for i, e in enumerate(episodes) if i not in held_out]
    return train, [e for i, e in enumerate(episodes) if i in held_out]
