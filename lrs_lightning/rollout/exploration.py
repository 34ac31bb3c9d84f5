"""Exploration: noise on what an expert does, so that its labels cover mistakes as well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from lrs_lightning.errors import ArgumentError
from lrs_lightning.shifts.draws import Draws, Rows, episode_key

Array = NDArray[Any]


class Exploration:
    """Noise on executed actions, one strength for each episode.

    A `Box` action becomes `clip(action + sigma * normal)`, in units of the action; a `Discrete` one
    is replaced by a uniformly random one with probability sigma. Noise is a function of (seed,
    episode, step).

    Args:
        sigmas: strength of each episode.
        episodes: number of episodes.
        action_space: `Box` or `Discrete`.
        rows: number of slots N.

    Raises:
        ArgumentError: if there is not one strength for each episode, or one is negative, or above 1
            where it is a probability.
    """

    def __init__(
        self, sigmas: Sequence[float], episodes: int, action_space: gym.Space[Any], rows: int
    ) -> None:
        if len(sigmas) != episodes:
            raise ArgumentError(
                f"exploration: {len(sigmas)} strengths for {episodes} episodes: give each its own"
            )
        if not isinstance(action_space, gym.spaces.Box | gym.spaces.Discrete):
            raise ArgumentError(f"exploration: needs a Box or a Discrete space, not {action_space}")
        if min(sigmas, default=0.0) < 0 or not np.isfinite(sigmas).all():
            raise ArgumentError("exploration: a strength is negative or not finite")
        if isinstance(action_space, gym.spaces.Discrete) and max(sigmas, default=0.0) > 1:
            raise ArgumentError(
                f"exploration: {max(sigmas):g} is no share of random actions: give at most 1 where "
                "actions are discrete, e.g. 0:0.1"
            )
        self._sigmas, self._space = sigmas, action_space
        self._draws, self._sigma = Draws(rows), np.zeros(rows)

    def begin(self, rows: Rows, seeds: Sequence[int], episodes: Sequence[int]) -> None:
        """Slots `rows (n,)` start these episodes."""
        pairs = zip(seeds, episodes, strict=True)
        self._draws.begin(rows, [episode_key("exploration", *pair) for pair in pairs])
        self._sigma[rows] = [self._sigmas[episode] for episode in episodes]

    def act(self, actions: Array, rows: Rows, times: Rows) -> Array:
        """What is executed instead of `actions (n, ...)`."""
        space, sigma = self._space, self._sigma[rows]
        if isinstance(space, gym.spaces.Box):
            noise = self._draws.per_step("normal", rows, times, actions.shape[1:], 0)
            sigma = sigma.reshape(-1, *(1,) * (actions.ndim - 1))
            noisy: Array = np.clip(actions + sigma * noise, space.low, space.high)
            return noisy.astype(space.dtype)
        chance, choice = self._draws.per_step("uniform", rows, times, (2,), 0).T
        anywhere = space.start + (choice * space.n).astype(np.int64)
        executed: Array = np.where(chance < sigma, anywhere, actions)
        return executed
