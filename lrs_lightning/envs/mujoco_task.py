"""A MuJoCo task apart from its physics: how it starts, what it sees and earns, when it ends.

Letters: N environments, Q positions, V velocities, A actuators, K bodies of a model.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import gymnasium as gym
import mujoco
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Readings = dict[str, Array]
"""The simulator's numbers after a step, a row an environment: `qpos (N, Q)`, `qvel (N, V)`,
`ctrl (N, A)` and whatever the task names in `reads`."""


class MujocoTask(ABC):
    """A task computed for all environments at once.

    Each subclass follows Gymnasium's environment in order and precision of every operation, so that
    results agree to the last bit.

    Args:
        env: Gymnasium's own environment, unwrapped: its model, spaces and start are taken over.
        max_episode_steps: steps after which an episode is cut.
    """

    reads: ClassVar[tuple[str, ...]] = ()
    """Arrays of `MjData` that observation or reward need beyond position, velocity and control."""
    reads_body_mass: ClassVar[bool] = False
    """Whether the masses of the bodies are among the readings, as `body_mass (N, K)`."""
    contact_forces: ClassVar[bool] = False
    """Whether `cfrc_ext` must be computed after a step (MuJoCo does it on demand only)."""

    frame_skip: ClassVar[int]
    reset_noise_scale: ClassVar[float]
    ctrl_cost_weight: ClassVar[float]

    def __init__(self, env: gym.Env[Array, NDArray[np.float32]], max_episode_steps: int) -> None:
        self.model: mujoco.MjModel = env.model  # type: ignore[attr-defined]
        self.observation_space, self.action_space = env.observation_space, env.action_space
        self.max_episode_steps = max_episode_steps
        self._start_qpos: Array = env.init_qpos.copy()  # type: ignore[attr-defined]
        self._start_qvel: Array = env.init_qvel.copy()  # type: ignore[attr-defined]
        self.dt: float = self.model.opt.timestep * self.frame_skip

    @abstractmethod
    def initial_state(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Positions `(Q,)` and velocities `(V,)` of a new episode, drawn in Gymnasium's order."""

    @abstractmethod
    def observe(self, now: Readings) -> Array:
        """Observations `(N, O)`."""

    def position(self, now: Readings) -> Array:
        """The coordinate `(N,)` whose rate of change is rewarded."""
        return now["qpos"][:, 0].copy()

    @abstractmethod
    def reward(self, now: Readings, velocity: Array, actions: NDArray[np.float32]) -> Array:
        """Rewards `(N,)` after a step forward at `velocity (N,)` under `actions (N, A)`."""

    def terminated(self, now: Readings) -> NDArray[np.bool_]:
        """Which episodes `(N,)` have ended for good; none, unless a task says otherwise."""
        return np.zeros(len(now["qpos"]), bool)

    def control_cost(self, actions: NDArray[np.float32]) -> NDArray[np.float32]:
        """Weighted squared actions `(N,)`, in the actions' precision as Gymnasium sums them."""
        cost: NDArray[np.float32] = self.ctrl_cost_weight * np.square(actions).sum(axis=1)
        return cost

    def _uniform_start(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Uniform noise on positions, then on velocities."""
        noise = self.reset_noise_scale
        qpos = self._start_qpos + rng.uniform(low=-noise, high=noise, size=len(self._start_qpos))
        qvel = self._start_qvel + rng.uniform(low=-noise, high=noise, size=len(self._start_qvel))
        return qpos, qvel

    def _normal_start(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Uniform noise on positions, then normal noise on velocities."""
        noise = self.reset_noise_scale
        qpos = self._start_qpos + rng.uniform(low=-noise, high=noise, size=len(self._start_qpos))
        qvel = self._start_qvel + noise * rng.standard_normal(len(self._start_qvel))
        return qpos, qvel
