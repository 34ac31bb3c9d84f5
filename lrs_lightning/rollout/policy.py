"""What the closed loop asks of a policy, and the policy that knows nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from lrs_lightning.errors import EnvironmentMismatchError
from lrs_lightning.shifts.draws import Draws, episode_key

Array = NDArray[Any]


@runtime_checkable
class Policy(Protocol):
    """NumPy in, NumPy out: experts, students, users' own.

    Attributes `observation_space` and `action_space` are compared with the environment's where a
    policy has them. A policy whose state is neither arrays nor a mapping of them may have a method
    `state_arrays(state) -> {name: (N, ...)}`, which is what `rollout(record_states=True)` keeps.
    A method `observe_clean(observations)` is shown, before each step, what unshifted sensors see:
    for controls, since no policy in the world has that. A method `observe_seeds(seeds)` is shown,
    before a step in which an episode begins, the seeds `(N,)` of all: for policies that draw.

    What is decided for one row must not depend on the others. A policy of which that is not true to
    the last bit, since it multiplies matrices, says so with `rows_apart = False`; it is then always
    called with the same number of rows (see `blocks.py`): its own `block`, where it has one.
    """

    def initial_state(self, num_envs: int) -> Any:
        """What is remembered before the first step of N episodes; `None` for a reactive policy."""

    def step(self, observations: Array, state: Any, starts: NDArray[np.bool_]) -> tuple[Array, Any]:
        """Act in N environments.

        Args:
            observations: raw observations `(N, ...)`.
            state: what the last step returned.
            starts: `(N,)`, rows that begin an episode: whatever is remembered of them must be
                forgotten first.

        Returns:
            Actions `(N, A)`, or `(N,)` integers for a discrete space; and the new state.
        """


@dataclass
class _RandomState:
    draws: Draws
    times: NDArray[np.int64]


class RandomPolicy:
    """Uniformly random actions: the zero of every normalised return.

    The actions of an episode are a function of `seed`, of the episode's own seed and of its first
    observation, so that they do not depend on what plays beside it. Outside a rollout the episode's
    seed is not known, and the first observation alone tells episodes apart.

    Args:
        action_space: a bounded `Box`, or `Discrete`.
        seed: another seed, another random policy.

    Raises:
        EnvironmentMismatchError: for another kind of space.
    """

    def __init__(self, action_space: gym.Space[Any], seed: int = 0) -> None:
        bounded = isinstance(action_space, gym.spaces.Box) and action_space.is_bounded()
        if not bounded and not isinstance(action_space, gym.spaces.Discrete):
            raise EnvironmentMismatchError(
                f"random actions need a bounded Box or a Discrete space, not {action_space}"
            )
        self.action_space, self.seed = action_space, seed
        self.fingerprint = f"random {seed} by episode"
        self._seeds: NDArray[np.int64] | None = None

    def observe_seeds(self, seeds: NDArray[np.int64]) -> None:
        """The seeds `(N,)` of the episodes that the next step is about."""
        self._seeds = seeds

    def initial_state(self, num_envs: int) -> _RandomState:
        """Random numbers for N episodes."""
        return _RandomState(Draws(num_envs), np.zeros(num_envs, np.int64))

    def step(
        self, observations: Array, state: _RandomState, starts: NDArray[np.bool_]
    ) -> tuple[Array, _RandomState]:
        """Draw actions."""
        begun = np.flatnonzero(starts)
        seeds, self._seeds = self._seeds, None
        own = ["" if seeds is None else seeds[i] for i in begun]
        firsts = [observations[i].tobytes() for i in begun]
        names = [("random policy", self.seed, *pair) for pair in zip(firsts, own, strict=True)]
        state.draws.begin(begun, [episode_key(*name) for name in names])
        state.times[begun] = 0
        rows = np.arange(len(observations))
        space = self.action_space
        drawn = state.draws.per_step("uniform", rows, state.times, space.shape or (), 0)
        state.times += 1
        if isinstance(space, gym.spaces.Discrete):
            return space.start + (drawn * space.n).astype(np.int64), state
        low, high = space.low, space.high  # type: ignore[attr-defined]
        return (low + drawn * (high - low)).astype(space.dtype), state

    def state_arrays(self, state: _RandomState) -> dict[str, Array]:
        """Nothing: counters of random numbers are no memory of what was seen."""
        return {}
