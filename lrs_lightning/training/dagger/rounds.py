"""A round of DAgger: students act, the expert labels, falls are not looked at for long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lrs_lightning.data import Demonstration, Ending, Origin, Task
from lrs_lightning.data.collect import demonstration_of
from lrs_lightning.envs import describe, get_domain
from lrs_lightning.errors import DataError
from lrs_lightning.rollout import Episode, Policy, rollout
from lrs_lightning.shifts import CLEAN, Condition
from lrs_lightning.training.dagger.mixture import Mixture
from lrs_lightning.training.dagger.section import DAgger

FIRST_SEED = 1_005_000
"""Far from the seeds of demonstrations (`data.collect`) and of evaluations."""


def play_round(
    students: Mapping[str, Policy],
    expert: Policy,
    task: Task,
    section: DAgger,
    number: int,
    seed: int,
    expert_name: str = "expert",
) -> list[Demonstration]:
    """Episodes in which students act, mixed with the expert, and the expert labels.

    Args:
        students: by name; episode k is played by the k-th of them, over and over.
        expert: labels every step.
        task: what is played.
        section: how.
        number: of the round, counted from 1.
        seed: data seed; round i starts its k-th episode from `FIRST_SEED + seed * 10_000 + (i - 1)
            * episodes + k`.
        expert_name: for the origin of the episodes.

    Raises:
        DataError: every episode failed.
    """
    beta, count = section.beta_of(number), section.episodes
    first = FIRST_SEED + seed * 10_000 + (number - 1) * count
    seeds = [first + k for k in range(count)]
    names = list(students)
    actors = [names[k % len(names)] for k in range(count)]
    clean = Condition(CLEAN)
    others = [
        (name, clean.shift, clean.severity, k)
        for name in names
        for k, actor in enumerate(actors)
        if actor != name
    ]
    found: dict[int, Demonstration] = {}
    reasons = []
    for episode in rollout(
        {name: Mixture(students[name], expert, beta, seed) for name in dict.fromkeys(actors)},
        task.env,
        [clean],
        seeds,
        exploration=[section.noise] * count if section.noise else None,
        record=True,
        labeller=expert,
        done=others,
        **get_domain(describe(task.env).domain).recording,
    ):
        if episode.status != "ok":
            reasons.append(f"seed {episode.seed}: {episode.error}")
            continue
        origin = Origin(episode.policy, expert_name, number, beta, section.noise, seed=episode.seed)
        whole = demonstration_of(episode, task, origin)
        found[episode.episode] = cut(whole, steps_kept(episode, section.steps_after_fall))
    if not found:
        raise DataError(f"round {number} of DAgger: every episode failed ({'; '.join(reasons)})")
    return [found[k] for k in sorted(found)]


def steps_kept(episode: Episode, after_fall: int) -> int:
    """Steps of an episode until it has lain for so many, or all of them."""
    if episode.fell_at is None:
        return episode.length
    return min(episode.length, episode.fell_at + after_fall)


def cut(episode: Demonstration, steps: int) -> Demonstration:
    """The first steps of an episode, as one that was cut off there."""
    if steps >= len(episode):
        return episode
    return replace(
        episode,
        observations=episode.observations[:steps],
        actions=episode.actions[:steps],
        labels=episode.labels[:steps],
        rewards=episode.rewards[:steps],
        final=episode.observations[steps : steps + 1],
        ending=Ending(False, True, episode.ending.success),
    )


def steps_in(episodes: Sequence[Demonstration]) -> int:
    """Steps of all of them."""
    return sum(map(len, episodes))
