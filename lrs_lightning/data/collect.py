"""Roll an expert out and keep what it saw, did, and would have done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lrs_lightning.data.frames import PackedFrames
from lrs_lightning.data.noise import noise_ladder
from lrs_lightning.data.store import Demonstration, DemonstrationStore, write_store
from lrs_lightning.data.task import Task
from lrs_lightning.envs import describe, get_domain, simulators
from lrs_lightning.experts import load_expert
from lrs_lightning.rollout import Episode, rollout
from lrs_lightning.shifts import Condition
from lrs_lightning.versions import versions

# Demonstrations and evaluations never share an episode: their seeds start far apart.
DEMONSTRATION_SEED = 1_000_000


def collect(
    env: str,
    out: str | Path,
    expert: str | Path = "shipped",
    episodes: int = 20,
    noise: str | float = "0:0.4",
    seed: int = 0,
    on_episode: Callable[[Episode], None] | None = None,
) -> DemonstrationStore:
    """Write a store of demonstrations.

    Args:
        env: environment id.
        out: folder of the store.
        expert: `"shipped"`, or the path of an expert.
        episodes: number of episodes.
        noise: standard deviation of the Gaussian noise on executed actions, in units of the action:
            a ladder `"0:0.4"` (the default: why, see `data/noise.py`), one value, or `"0"`. Of
            discrete actions it is the probability of a random one.
        seed: data seed; episode k starts from `DEMONSTRATION_SEED + seed * 10_000 + k`.
        on_episode: called with each episode as it ends.

    Raises:
        LrsError: unknown environment or expert, a folder that cannot be written, a failed episode.
    """
    info = describe(env)
    policy = load_expert(expert, info.env_id)
    sigmas = noise_ladder(noise, episodes)
    seeds = [DEMONSTRATION_SEED + seed * 10_000 + k for k in range(episodes)]
    demonstrations: dict[int, Demonstration] = {}
    for episode in rollout(
        {"expert": policy},
        info.env_id,
        [Condition("clean")],
        seeds,
        exploration=sigmas,
        record=True,
        **get_domain(info.domain).recording,
    ):
        demonstrations[episode.episode] = _demonstration(episode)
        if on_episode is not None:
            on_episode(episode)
    about = {
        "expert": str(expert),
        "expert_card": policy.card,
        "noise": sigmas,
        "seeds": seeds,
        "seed": seed,
        "versions": versions(("gymnasium", *simulators(), "numpy")),
    }
    task = Task.of(info.env_id, info.observation_space, info.action_space)
    return write_store(out, task, [demonstrations[k] for k in sorted(demonstrations)], about)


def _demonstration(episode: Episode) -> Demonstration:
    trajectory = episode.trajectory
    if trajectory is None:
        raise AssertionError("the rollout was asked to record")
    return Demonstration(
        observations=_compact(trajectory.observations),
        actions=_compact(trajectory.actions),
        labels=_compact(trajectory.labels),
        rewards=np.asarray(trajectory.rewards, np.float32),
    )


def _compact(array: Any) -> Any:
    """Doubles become float32, which is what policies read; frames are packed; all else stays."""
    if array.dtype == np.uint8 and array.ndim > 2:
        return PackedFrames(array)
    return array.astype(np.float32) if array.dtype == np.float64 else array
