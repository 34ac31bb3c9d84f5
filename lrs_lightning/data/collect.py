"""Roll an expert out and keep what it saw, did, and would have done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lrs_lightning.data.demonstration import Demonstration, Ending, Origin
from lrs_lightning.data.frames import PackedFrames
from lrs_lightning.data.noise_schedule import AUTO, noise_schedule, schedule_for
from lrs_lightning.data.store import DemonstrationStore
from lrs_lightning.data.task import Task
from lrs_lightning.data.writing import write_store
from lrs_lightning.envs import describe, get_domain, simulators
from lrs_lightning.errors import DataError
from lrs_lightning.experts import load_expert
from lrs_lightning.rollout import Episode, Policy, rollout
from lrs_lightning.shifts import Condition
from lrs_lightning.versions import versions

# Demonstrations and evaluations never share an episode: their seeds start far apart.
DEMONSTRATION_SEED = 1_000_000


def collect(
    env: str,
    out: str | Path,
    expert: str | Path = "shipped",
    episodes: int = 20,
    noise: str | float = AUTO,
    seed: int = 0,
    on_episode: Callable[[Episode], None] | None = None,
    policy: Policy | None = None,
    statistics: str | Path | None = None,
) -> DemonstrationStore:
    """Write a store of demonstrations.

    Args:
        env: environment id, with arguments and wrappers where it shall have some.
        out: folder of the store.
        expert: `"shipped"`, or the path of an expert.
        episodes: number of episodes.
        noise: standard deviation of the Gaussian noise on executed actions, in units of the action:
            a schedule `"0:0.4"` (why, see `data/noise_schedule.py`), one value, or `"0"`. Of
            discrete actions it is the probability of a random one. By default `"0:0.4"`, and
            `"0:0.1"` where actions are discrete.
        seed: data seed; episode k starts from `DEMONSTRATION_SEED + seed * 10_000 + k`.
        on_episode: called with each episode as it ends.
        policy: who demonstrates, where it was loaded already; `expert` is then only its name.
        statistics: of a Stable-Baselines3 expert, see `load_expert`.

    Raises:
        LrsError: unknown environment or expert, a folder that cannot be written, a failed episode.
    """
    info = describe(env)
    policy = load_expert(expert, info.env_id, statistics) if policy is None else policy
    sigmas = noise_schedule(schedule_for(info.env_id, noise), episodes)
    seeds = [DEMONSTRATION_SEED + seed * 10_000 + k for k in range(episodes)]
    task = Task.of(info.env_id, info.observation_space, info.action_space)
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
        origin = Origin(str(expert), str(expert), noise=sigmas[episode.episode], seed=episode.seed)
        demonstrations[episode.episode] = demonstration_of(episode, task, origin)
        if on_episode is not None:
            on_episode(episode)
    about = {
        "expert": str(expert),
        "expert_card": getattr(policy, "card", {}),
        "noise": sigmas,
        "seeds": seeds,
        "seed": seed,
        "versions": versions(("gymnasium", *simulators(), "numpy")),
    }
    return write_store(out, task, [demonstrations[k] for k in sorted(demonstrations)], about)


def demonstration_of(episode: Episode, task: Task, origin: Origin) -> Demonstration:
    """A recorded episode, as it is stored.

    Labels are what the labeller wanted, within the bounds of the task: beyond them the world does
    the same.

    Raises:
        DataError: the episode failed.
    """
    trajectory = episode.trajectory
    if trajectory is None:
        raise AssertionError("the rollout was asked to record")
    if episode.status != "ok":
        raise DataError(
            f"episode {episode.episode} with seed {episode.seed} of {episode.env} failed "
            f"({episode.error}): nothing is stored; choose another seed"
        )
    labels = trajectory.labels
    if task.actions is None:
        labels = np.clip(labels, np.array(task.action_low), np.array(task.action_high))
    return Demonstration(
        observations=_compact(trajectory.observations),
        actions=_compact(trajectory.actions),
        labels=_compact(labels),
        rewards=np.asarray(trajectory.rewards, np.float32),
        origin=origin,
        final=None if trajectory.final is None else _compact(trajectory.final[None]),
        ending=Ending(episode.terminated, not episode.terminated, episode.success),
    )


def _compact(array: Any) -> Any:
    """What waits in memory until all is written: floats as they are stored, frames packed."""
    if array.dtype == np.uint8 and array.ndim > 2:
        return PackedFrames(array)
    return array.astype(np.float32) if array.dtype == np.float64 else array
