"""Seeds of a batch of environments, in Gymnasium's convention."""

from __future__ import annotations

from collections.abc import Sequence

from lrs_lightning.errors import ArgumentError

Seeds = int | Sequence[int | None] | None


def spread_seeds(seed: Seeds, num_envs: int) -> list[int | None]:
    """One seed for each environment: an integer seeds environment i with `seed + i`.

    Raises:
        ArgumentError: if a sequence has another length than `num_envs`.
    """
    if seed is None:
        return [None] * num_envs
    if isinstance(seed, int):
        return [seed + i for i in range(num_envs)]
    if len(seed) != num_envs:
        raise ArgumentError(f"seed: {len(seed)} seeds for {num_envs} environments: give each one")
    return [None if one is None else int(one) for one in seed]
