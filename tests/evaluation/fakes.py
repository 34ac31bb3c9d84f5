"""Episodes without a simulator: rows with returns that a seed decides."""

from __future__ import annotations

from typing import Any

import numpy as np

from lrs_lightning.rollout import Episode
from lrs_lightning.statistics.result_line import Row
from lrs_lightning.statistics.results import episode_row


def fake_episode(**changes: Any) -> Episode:
    about: dict[str, Any] = {
        "policy": "student", "env": "HalfCheetah-v5", "shift": "clean", "severity": 0, "episode": 0,
        "seed": 100, "return_": 1.0, "length": 1000,
    }  # fmt: skip
    return Episode(**about | changes)


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
                fake_episode(
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
