"""Any registered Gymnasium environment, one after the other: for what has no faster path."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from lrs_lightning.envs.failures import describe_failure, failure_info
from lrs_lightning.envs.seeds import Seeds, spread_seeds

Array = NDArray[Any]
Flags = NDArray[np.bool_]


class SerialVectorEnv(VectorEnv[Array, Array, Array]):
    """Like `gymnasium.vector.SyncVectorEnv` without autoreset, and patient with what goes wrong.

    An episode that has ended rests until it is reset, and an environment that raises ends its own
    episode only: `infos["error"][i]` says why.

    Args:
        env_id: a registered id.
        num_envs: number of environments N.
        kwargs: what `gym.make` is given beside the id.
    """

    metadata = {"autoreset_mode": AutoresetMode.DISABLED}  # noqa: RUF012
    base_model = None

    def __init__(self, env_id: str, num_envs: int, **kwargs: Any) -> None:
        self.num_envs = num_envs
        self.envs = [gym.make(env_id, disable_env_checker=True, **kwargs) for _ in range(num_envs)]
        self.spec = self.envs[0].spec
        self.single_observation_space = self.envs[0].observation_space
        self.single_action_space = self.envs[0].action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        space = self.single_observation_space
        self._observations = np.zeros((num_envs, *(space.shape or ())), space.dtype)
        self._resting = np.ones(num_envs, bool)

    def reset(
        self, *, seed: Seeds = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Start episodes: of all environments, or of those in `options["reset_mask"] (N,)`."""
        mask = np.asarray((options or {}).get("reset_mask", np.ones(self.num_envs, bool)))
        seeds, errors = spread_seeds(seed, self.num_envs), {}
        for i in np.flatnonzero(mask).tolist():
            try:
                self._observations[i], _ = self.envs[i].reset(seed=seeds[i])
                self._resting[i] = False
            except Exception as error:  # one environment's fault is not the others'
                errors[i] = describe_failure(error)
                self._resting[i] = True
        return self._observations.copy(), failure_info(errors, self.num_envs)

    def step(self, actions: Array) -> tuple[Array, Array, Flags, Flags, dict[str, Any]]:
        """Step all environments that do not rest, with actions `(N, ...)`."""
        reward = np.zeros(self.num_envs)
        terminated, truncated = np.zeros(self.num_envs, bool), np.zeros(self.num_envs, bool)
        errors = {}
        for i in np.flatnonzero(~self._resting).tolist():
            try:
                self._observations[i], reward[i], terminated[i], truncated[i], _ = self.envs[
                    i
                ].step(actions[i])
            except Exception as error:
                errors[i] = describe_failure(error)
                terminated[i] = True
        self._resting |= terminated | truncated
        info = failure_info(errors, self.num_envs)
        return self._observations.copy(), reward, terminated, truncated, info

    def close_extras(self, **kwargs: Any) -> None:
        """Close every environment."""
        for env in self.envs:
            env.close()
