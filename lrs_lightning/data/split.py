"""Which episodes are held out for validation."""

from __future__ import annotations

from lrs_lightning.data.demonstration import Demonstration
from lrs_lightning.data.store import DemonstrationStore
from lrs_lightning.errors import ArgumentError


def split_episodes(
    store: DemonstrationStore, fraction: float
) -> tuple[list[Demonstration], list[Demonstration]]:
    """Training and validation episodes; which ones, see `split_numbers`."""
    train, held_out = split_numbers(store, fraction)
    return [store[i] for i in train], [store[i] for i in held_out]


def split_numbers(store: DemonstrationStore, fraction: float) -> tuple[list[int], list[int]]:
    """Numbers of the training and of the validation episodes in the store.

    Where the store was made with some held out, these are the ones. Else they lie evenly along
    the store, and so along the schedule of noise. Copies of an episode are on one side.

    Args:
        store: the demonstrations.
        fraction: share of the episodes held out; at least one is.

    Raises:
        ArgumentError: nothing would be left to train on.
    """
    told = [i for i, origin in enumerate(store.origins) if origin.held_out]
    copies = _copies(store)
    if told:
        chosen = {copies[i] for i in told}
    else:
        unlike = list(dict.fromkeys(copies))  # the first of each
        count = max(1, round(fraction * len(unlike)))
        chosen = {unlike[i] for i in evenly(len(unlike), count)}
    held_out = {i for i, first in enumerate(copies) if first in chosen}
    if len(held_out) >= len(store):
        raise ArgumentError(
            f"{store.folder} has {len(store)} episode(s) and {len(held_out)} would be "
            "held out for validation: collect more"
            + (", of which not all are copies of one" if len(set(copies)) < len(store) else "")
        )
    return [i for i in range(len(store)) if i not in held_out], sorted(held_out)


def _copies(store: DemonstrationStore) -> list[int]:
    """For each episode the number of the first that is the same to the last bit: mostly its own."""
    first: dict[str, int] = {}
    return [first.setdefault(store.digest(i), i) for i in range(len(store))]


def evenly(count: int, chosen: int) -> list[int]:
    """Numbers of `chosen` things out of `count`, in even steps."""
    every = count / chosen
    return [int((i + 0.5) * every) for i in range(chosen)]
