"""Environment objects on threads: exact for anything, faster where they release the lock."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from lrs_lightning.envs.contract import Array, Flags, Model, Models
from lrs_lightning.envs.failures import describe_failure, failure_info
from lrs_lightning.envs.seeds import Seeds, spread_seeds
from lrs_lightning.envs.successes import success_info, success_of
from lrs_lightning.envs.worker_pool import Errors, WorkerPool
from lrs_lightning.errors import ANY_FAILURE, ArgumentError

_logger = logging.getLogger(__name__)
SetModel = Callable[[gym.Env[Any, Any], Model], None]


class ThreadedVectorEnv(VectorEnv[Array, Array, Any]):
    """Like `gymnasium.vector.SyncVectorEnv` without autoreset, and patient with what goes wrong.

    An episode that has ended rests until it is reset, and an environment that raises ends its own
    episode only: `infos["error"][i]` says why.

    Args:
        envs: the environments, N objects that share nothing they change.
        threads: worker threads (default: one). More pay off for environments that release the
            interpreter lock, as MuJoCo's and ALE's do.
        max_episode_steps: steps after which an episode is cut, beside what the environments do
            themselves.
        base_model: the physics that `set_models` may replace; `None` if it cannot be replaced.
        set_model: how an environment is given another physics; by default its attribute `model` is
            set, as MuJoCo environments have one.
    """

    metadata = {"autoreset_mode": AutoresetMode.DISABLED}  # noqa: RUF012

    def __init__(
        self,
        envs: Sequence[gym.Env[Any, Any]],
        threads: int | None = 1,
        max_episode_steps: int | None = None,
        base_model: Model = None,
        set_model: SetModel | None = None,
    ) -> None:
        self.envs, self.num_envs, self.base_model = list(envs), len(envs), base_model
        self.spec = self.envs[0].spec
        self.single_observation_space = self.envs[0].observation_space
        self.single_action_space = self.envs[0].action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        space = self.single_observation_space
        self._observations = np.zeros((self.num_envs, *(space.shape or ())), space.dtype)
        self._horizon = max_episode_steps or np.iinfo(np.int64).max
        self._elapsed = np.zeros(self.num_envs, np.int64)
        self._resting = np.ones(self.num_envs, bool)
        self._set_model = set_model or _set_attribute
        self._workers = WorkerPool(threads, self.num_envs)

    def set_models(self, models: Models) -> None:
        """Give rows another physics, from their next step on; what they are doing goes on.

        Args:
            models: row -> an edited copy of `base_model`.

        Raises:
            ArgumentError: if the physics of these environments cannot be edited.
        """
        if models and self.base_model is None:
            raise ArgumentError("models: the dynamics of this environment cannot be edited")
        for row, model in models.items():
            self._set_model(self.envs[row], model)

    def reset(
        self, *, seed: Seeds = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Start episodes.

        Args:
            seed: one for each environment, or an integer: environment i then has `seed + i`.
            options: `reset_mask (N,)` chooses environments (all, where absent); `models` maps rows
                to the physics they have from now on.
        """
        options = options or {}
        self.set_models(options.get("models", {}))
        mask = np.asarray(options.get("reset_mask", np.ones(self.num_envs, bool)))
        seeds = spread_seeds(seed, self.num_envs)
        errors: Errors = {}
        for i in np.flatnonzero(mask).tolist():
            try:
                seen, _ = self.envs[i].reset(seed=seeds[i])
                self._observations[i] = self._checked(seen)
            except ANY_FAILURE as error:  # one environment's fault is not the others'
                errors[i] = describe_failure(error)
        self._elapsed[mask], self._resting[mask] = 0, False
        self._resting[list(errors)] = True
        return self._observations.copy(), failure_info(errors, self.num_envs)

    def step(self, actions: Array) -> tuple[Array, Array, Flags, Flags, dict[str, Any]]:
        """Step all environments that do not rest, with actions `(N, ...)`."""
        reward = np.zeros(self.num_envs)
        terminated, truncated = np.zeros(self.num_envs, bool), np.zeros(self.num_envs, bool)
        solved: dict[int, bool] = {}

        def work(queue: Iterator[int], worker: int) -> Errors:
            errors = {}
            for i in queue:
                try:
                    seen, reward[i], terminated[i], truncated[i], info = self.envs[i].step(
                        actions[i]
                    )
                    self._observations[i] = self._checked(seen)
                    if (success := success_of(info)) is not None:
                        solved[i] = success
                except ANY_FAILURE as error:
                    errors[i] = describe_failure(error)
            return errors

        active = ~self._resting
        errors = self._workers.run(np.flatnonzero(active).tolist(), work)
        self._elapsed[active] += 1
        truncated |= active & (self._elapsed >= self._horizon)
        terminated[list(errors)] = True
        self._resting |= terminated | truncated
        infos = failure_info(errors, self.num_envs) | success_info(solved, self.num_envs)
        return self._observations.copy(), reward, terminated, truncated, infos

    def close_extras(self, **kwargs: Any) -> None:
        """End the threads and close every environment."""
        self._workers.close()
        for row, env in enumerate(self.envs):
            try:
                env.close()
            except ANY_FAILURE as error:  # what was played stays as it is
                _logger.warning("environment %d cannot be closed: %s", row, describe_failure(error))

    def _checked(self, seen: Any) -> Any:
        """An observation of the declared shape; assigning another one might fill it up."""
        expected = self._observations.shape[1:]
        if np.shape(seen) != expected:
            raise ValueError(f"the observation has shape {np.shape(seen)}, expected {expected}")
        return seen


def _set_attribute(env: gym.Env[Any, Any], model: Model) -> None:
    env.unwrapped.model = model  # type: ignore[attr-defined]
