"""Episodes without a simulator: rows with returns that a seed decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lrs_lightning.evaluation.results import Row, episode_row


@dataclass
class FakeEpisode:
    policy: str = "student"
    env: str = "HalfCheetah-v5"
    shift: str = "clean"
    severity: int = 0
    episode: int = 0
    seed: int = 100
    return_: float = 1.0
    length: int = 1000
    status: str = "ok"
    error: str | None = None


def rows(
    means: dict[str, float],
    policy: str = "student",
    episodes: int = 20,
    spread: float = 100.0,
    **columns: Any,
) -> list[Row]:
    """Episodes of `{"clean": 9000.0, "mass@3": 5000.0}`; a seed has the same luck everywhere."""
    luck = np.random.default_rng(0).normal(0, spread, episodes)
    found = []
    for k, (name, mean) in enumerate(means.items()):
        shift, _, severity = name.partition("@")
        own = np.random.default_rng([k, len(policy)]).normal(0, spread / 5, episodes)
        found += [
            episode_row(
                FakeEpisode(
                    policy=policy,
                    shift=shift,
                    severity=int(severity or 0),
                    episode=e,
                    seed=100 + e,
                    return_=mean + luck[e] + own[e],
                ),
                **columns,
            )
            for e in range(episodes)
        ]
    return found
