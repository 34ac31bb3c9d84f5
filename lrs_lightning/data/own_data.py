"""Demonstrations of one's own, out of arrays: `write_episodes`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import gymnasium as gym
import numpy as np

from lrs_lightning.data.checks import check_episode
from lrs_lightning.data.demonstration import Demonstration
from lrs_lightning.data.findings import Survey, warn_of
from lrs_lightning.data.from_arrays import episode_from_arrays
from lrs_lightning.data.picture_layout import looks_like_pictures, picture_space
from lrs_lightning.data.store import DemonstrationStore
from lrs_lightning.data.task import NO_ENV, Task
from lrs_lightning.data.writing import write_store
from lrs_lightning.errors import ArgumentError, DataError

Episode = Mapping[str, Any] | Demonstration
Check = Literal["error", "strict"]


def write_episodes(
    out: str | Path,
    episodes: Iterable[Episode],
    env: str | None = None,
    observation_space: gym.Space[Any] | None = None,
    action_space: gym.Space[Any] | None = None,
    check: Check = "error",
    about: Mapping[str, Any] | None = None,
    exact: bool = False,
) -> DemonstrationStore:
    """Write demonstrations of your own as a store that `fit --data.path` reads.

    Args:
        out: folder of the store.
        episodes: one mapping of arrays for each, taken one by one, so that a generator is enough:
            `observations (T or T+1, ...)` and `actions (T, A)` or `(T,)`, and any of `labels`,
            `rewards`, `terminated`, `truncated`, `time`, `success`, `infos` (see
            `episode_from_arrays`). A `Demonstration` is taken as it is.
        env: id of the environment they are of, whose spaces they must fit; None where there is no
            simulator.
        observation_space: where `env` is None, or names an environment that is not installed. Left
            out, any numbers of the shape of the first observation. Pictures `(H, W)`, `(H, W, C)`,
            `(S, H, W, C)` become `(channels, H, W)`, as an environment's do.
        action_space: the same of actions; left out, an open box of the first action's width.
            Discrete actions need it, since nobody could tell how many there are.
        check: `"error"` refuses what cannot be trained on and warns (`DataWarning`) of what looks
            wrong; `"strict"` refuses that too.
        about: further entries of the manifest, plain values.
        exact: keep floats in the precision that they have.

    Returns:
        The store, opened.

    Raises:
        ArgumentError: no environment and no space to be read off the first episode.
        DataError: an episode cannot be trained on; the sentence names it, the step and the channel.
            Nothing is written.

    Example:
        >>> import numpy as np, tempfile
        >>> def recorded():
        ...     for seed in range(3):
        ...         rng = np.random.default_rng(seed)
        ...         yield {"observations": rng.normal(size=(21, 4)), "actions": rng.random((20, 2))}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = write_episodes(f"{folder}/demos", recorded())
        >>> len(store), store.task.observation_shape, store[0].final.shape
        (3, (4,), (1, 4))
    """
    if check not in ("error", "strict"):
        raise ArgumentError(f"check is {check!r}, expected 'error' or 'strict'")
    task, episodes = task_for(env, observation_space, action_space, episodes)
    survey = Survey(task)

    def checked() -> Iterator[Demonstration]:
        yield from survey.watch(_aligned(episodes, task))
        if check == "strict" and (found := survey.findings()):
            raise DataError(f"{out}: {found[0]}")

    store = write_store(out, task, checked(), {"expert": "own", **(about or {})}, exact)
    warn_of(survey.findings(), str(out))
    return store


def _aligned(episodes: Iterable[Episode], task: Task) -> Iterator[Demonstration]:
    for number, given in enumerate(episodes):
        where = f"episode {number}"
        if isinstance(given, Demonstration):
            episode = given
        elif isinstance(given, Mapping):
            episode = episode_from_arrays(given, task, where)
        else:
            raise DataError(
                f"{where} is a {type(given).__name__}: give a mapping with observations and actions"
            )
        check_episode(episode, task, where)
        yield episode


def task_for(
    env: str | None,
    observation_space: gym.Space[Any] | None,
    action_space: gym.Space[Any] | None,
    episodes: Iterable[Episode],
) -> tuple[Task, Iterable[Episode]]:
    """What the episodes are of, and all of them, the first one included if it was looked at.

    Raises:
        ArgumentError: nothing says what the spaces are.
        LrsError: the environment cannot be built, and its spaces are not given.
    """
    observation_space = _channels_first(observation_space)
    if observation_space is not None and action_space is not None:
        return Task.of(env or NO_ENV, observation_space, action_space), episodes
    if env is not None and observation_space is None and action_space is None:
        from lrs_lightning.envs import describe  # the simulators take a second to import

        info = describe(env)
        return Task.of(info.env_id, info.observation_space, info.action_space), episodes
    rest = iter(episodes)
    first = next(rest, None)
    if first is None:
        raise DataError("there are no episodes to store")
    if not isinstance(first, Mapping):
        raise ArgumentError("give observation_space and action_space: the episodes name none")
    seen = observation_space or _seen(first.get("observations"))
    done = action_space or _done(first.get("actions"))
    return Task.of(env or NO_ENV, seen, done), chain([first], rest)


def _channels_first(space: gym.Space[Any] | None) -> gym.Space[Any] | None:
    """The space of pictures as an environment's would be played; any other as it is."""
    if isinstance(space, gym.spaces.Box) and looks_like_pictures(space.shape, space.dtype):
        return picture_space(space.shape)
    return space


def _seen(observations: Any) -> gym.spaces.Box:
    if isinstance(observations, Mapping):
        raise ArgumentError(
            f"episode 0 has observations of several parts ({', '.join(map(str, observations))}): "
            "give one array, numbers side by side or one picture, and its observation_space"
        )
    values = np.asarray(observations)
    if values.ndim < 1 or values.dtype.kind not in "fiub":
        raise ArgumentError("episode 0 has no array of observations: give observation_space")
    if values.ndim > 2:
        raise ArgumentError(
            f"episode 0 has observations of shape {values.shape}: say by observation_space how "
            "one is laid out"
        )
    return gym.spaces.Box(-np.inf, np.inf, values.shape[1:] or (1,), np.float32)


def _done(actions: Any) -> gym.spaces.Box:
    values = np.asarray(actions)
    if values.ndim < 1 or values.dtype.kind != "f":
        raise ArgumentError(
            f"episode 0 has actions of type {values.dtype}: say how many there are, e.g. "
            "action_space=gymnasium.spaces.Discrete(4)"
        )
    return gym.spaces.Box(-np.inf, np.inf, values.shape[1:] or (1,), np.float32)
