"""What an expert earns, measured, and the card that says so beside its weights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lrs_lightning.documents import CHECKSUM, read_json, write_json
from lrs_lightning.envs import domain_of, judging
from lrs_lightning.errors import ArgumentError, DataError
from lrs_lightning.rollout import Episode, Policy, rollout
from lrs_lightning.shifts import CLEAN
from lrs_lightning.versions import versions

# The seeds that students are judged on as well.
FIRST_SEED = 10_000


def score(
    expert: Policy,
    env_id: str,
    episodes: int = 30,
    seed: int = FIRST_SEED,
    on_episode: Callable[[Episode], None] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Play whole episodes in the clean world.

    Args:
        expert: who plays.
        env_id: the task.
        episodes: how many; episode k starts from `seed + k`.
        seed: evaluation seed.
        on_episode: called with each as it ends.
        settings: arguments of the environment; None takes those with which policies are judged
            there, for Atari sticky actions.

    Returns:
        Episodes, how many of them differ (`outcomes`), seeds, settings, mean, deviation, least and
        most of the returns, mean length, how many were cut by the time limit, and the versions of
        what was played.

    Raises:
        LrsError: an unknown task, a number of episodes below 1, or every episode failed.
    """
    if episodes < 1:
        raise ArgumentError(f"episodes is {episodes}, expected at least 1")
    settings = judging(env_id) if settings is None else dict(settings)
    seeds = range(seed, seed + episodes)
    played: list[Episode] = []
    for episode in rollout({"expert": expert}, env_id, [CLEAN], seeds, env_kwargs=settings):
        played.append(episode)
        if on_episode is not None:
            on_episode(episode)
    whole = [episode for episode in played if episode.status == "ok"]
    if not whole:
        raise DataError(f"{env_id}: every episode failed, the first with {played[0].error}")
    returns = np.array([episode.return_ for episode in whole])
    simulator = domain_of(env_id).simulator
    return {
        "episodes": len(returns),
        "outcomes": len({e.outcome or (e.return_, e.length) for e in whole}),
        "failed": len(played) - len(returns),
        "seeds": [seed, seed + episodes - 1],
        "settings": settings,
        "return_mean": round(float(returns.mean()), 2),
        "return_sd": round(float(returns.std(ddof=1)), 2) if len(returns) > 1 else 0.0,
        "return_min": round(float(returns.min()), 2),
        "return_max": round(float(returns.max()), 2),
        "length_mean": round(float(np.mean([episode.length for episode in played])), 1),
        "cut_by_time_limit": sum(not episode.terminated for episode in played),
        "versions": versions((simulator, "gymnasium", "numpy")),
    }


def measured(
    expert: Policy,
    env_id: str,
    episodes: int = 30,
    on_episode: Callable[[Episode], None] | None = None,
) -> dict[str, Any]:
    """What a card says that an expert earns; see `score`.

    Returns:
        `evaluation`: as policies are judged; and, where that differs from how demonstrations are
        recorded, `evaluation_as_recorded` too: for Atari without sticky actions.
    """
    how: dict[str, Mapping[str, Any] | None] = {"evaluation": None}
    if judging(env_id):
        how["evaluation_as_recorded"] = {}
    return {
        name: score(expert, env_id, episodes, on_episode=on_episode, settings=settings)
        for name, settings in how.items()
    }


def measure_again(
    weights: Path,
    expert: Policy,
    env_id: str,
    episodes: int = 30,
    on_episode: Callable[[Episode], None] | None = None,
) -> dict[str, Any]:
    """Put what an expert earns now into the card beside its weights; the rest of it stays.

    Returns:
        See `measured`.

    Raises:
        LrsError: nothing could be played, or the card cannot be read or written.
    """
    file = weights.with_suffix(".json")
    mend = "delete it, and ask again"
    card = read_json(file, dict[str, Any], mend) if file.is_file() else {"env": env_id}
    found = measured(expert, env_id, episodes, on_episode)
    place = list(card).index("evaluation") if "evaluation" in card else len(card)
    rest = [(key, value) for key, value in card.items() if key not in found]
    write_card(weights, dict([*rest[:place], *found.items(), *rest[place:]]))
    return found


def write_card(weights: Path, card: dict[str, Any]) -> None:
    """Write the card beside its weights, with their SHA-256, whole or not at all.

    Raises:
        DataError: it cannot be written.
    """
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    marked = {**card, "weights_sha256": sha256}
    marked.pop(CHECKSUM, None)  # of the card before, which stands last
    write_json(weights.with_suffix(".json"), marked)
