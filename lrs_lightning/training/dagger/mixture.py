"""Who acts in a round of DAgger: the expert in some steps, the student in the others.

Letters: N environments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.rollout import Policy
from lrs_lightning.shifts.draws import Draws, episode_key

Array = NDArray[Any]


@dataclass
class _State:
    student: Any
    expert: Any
    draws: Draws
    times: NDArray[np.int64]


class Mixture:
    """At each step the expert acts with probability beta, else the student.

    Both see every step and remember what they see, whoever acts. Who acts in an episode is a
    function of `seed`, of its first observation and of the step, so that it does not depend on what
    plays beside it.

    Args:
        student: learns.
        expert: is imitated.
        beta: probability that the expert acts, in [0, 1].
        seed: another seed, another draw.
    """

    def __init__(self, student: Policy, expert: Policy, beta: float, seed: int = 0) -> None:
        self.student, self.expert, self.beta, self.seed = student, expert, beta, seed
        self.observation_space = getattr(student, "observation_space", None)
        self.action_space = getattr(student, "action_space", None)

    @property
    def rows_apart(self) -> bool:
        """Whether both take any number of rows; see `rollout.blocks`."""
        return all(getattr(one, "rows_apart", True) for one in (self.student, self.expert))

    def initial_state(self, num_envs: int) -> _State:
        """What both remember, and random numbers for N episodes."""
        return _State(
            self.student.initial_state(num_envs),
            self.expert.initial_state(num_envs),
            Draws(num_envs),
            np.zeros(num_envs, np.int64),
        )

    def step(
        self, observations: Array, state: _State, starts: NDArray[np.bool_]
    ) -> tuple[Array, _State]:
        """Let both decide, and take one of the two decisions in each row."""
        begun = np.flatnonzero(starts)
        state.draws.begin(
            begun, [episode_key("dagger", self.seed, observations[i].tobytes()) for i in begun]
        )
        state.times[begun] = 0
        own, state.student = self.student.step(observations, state.student, starts)
        shown, state.expert = self.expert.step(observations, state.expert, starts)
        drawn = state.draws.per_step("uniform", np.arange(len(own)), state.times, (), 0)  # (N,)
        state.times += 1
        chosen = (drawn < self.beta).reshape(-1, *[1] * (np.ndim(own) - 1))
        return np.where(chosen, shown, own), state

    def state_arrays(self, state: _State) -> dict[str, Array]:
        """Nothing: what the two remember is theirs."""
        return {}
