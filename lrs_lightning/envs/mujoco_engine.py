"""Many MuJoCo environments on a few threads, equal to Gymnasium's to the last bit.

The physics of all rows is one call (`mujoco_physics.py`); observation, reward and termination are
computed for all environments at once. Edited models (heavier, slipperier) have the same layout, so
environments of different physics share a batch.

Letters: N environments, O observations, A actuators, Q positions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import mujoco
import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from lrs_lightning.envs.contract import Flags
from lrs_lightning.envs.failures import failure_info
from lrs_lightning.envs.mujoco_batch import BatchedPhysics
from lrs_lightning.envs.mujoco_loop import LoopedPhysics
from lrs_lightning.envs.mujoco_physics import STATE, MujocoPhysics
from lrs_lightning.envs.mujoco_task import Array, MujocoTask, Readings
from lrs_lightning.envs.seeds import Seeds, spread_seeds
from lrs_lightning.envs.worker_pool import MOST_BY_DEFAULT, available_cores
from lrs_lightning.errors import ArgumentError


class MujocoVectorEnv(VectorEnv[Array, NDArray[np.float32], Any]):
    """Vector environment without autoreset: an episode that has ended rests until it is reset.

    A resting environment is not stepped: its observation stays, its reward is 0. An environment
    whose physics raises or diverges ends its episode; `infos["error"][i]` then says why.

    Args:
        task: what is seen and earned, and how an episode starts.
        num_envs: number of environments N.
        models: the physics of each environment, for shifted dynamics; the task's own where absent.
        threads: worker threads (default: all cores, at most 8); no result depends on it.

    Raises:
        ArgumentError: if there is not one model for each environment, or a model of another layout.
    """

    metadata = {"autoreset_mode": AutoresetMode.DISABLED}  # noqa: RUF012

    def __init__(
        self,
        task: MujocoTask,
        num_envs: int,
        models: Sequence[mujoco.MjModel] | None = None,
        threads: int | None = None,
    ) -> None:
        self.task, self.num_envs = task, num_envs
        self.base_model = task.model
        self.single_observation_space = task.observation_space
        self.single_action_space = task.action_space
        self.observation_space = batch_space(task.observation_space, num_envs)
        self.action_space = batch_space(task.action_space, num_envs)
        self._models = [task.model] * num_envs
        threads = max(1, min(threads or min(available_cores(), MOST_BY_DEFAULT), num_envs))
        self._physics = make_physics(task, num_envs, threads)
        self._readings: Readings = dict(self._physics.readings)
        if task.reads_body_mass:
            self._readings["body_mass"] = np.tile(task.model.body_mass, (num_envs, 1))
        self._elapsed = np.zeros(num_envs, np.int64)
        self._resting = np.ones(num_envs, bool)
        self._rngs: list[np.random.Generator | None] = [None] * num_envs
        if models is not None:
            if len(models) != num_envs:
                raise ArgumentError(
                    f"models: {len(models)} models for {num_envs} environments: give each its own"
                )
            self.set_models(dict(enumerate(models)))

    def set_models(self, models: Mapping[int, mujoco.MjModel]) -> None:
        """Give rows another physics, from their next step on; what they are doing goes on.

        Args:
            models: row -> an edited copy of `base_model`.

        Raises:
            ArgumentError: if a model has another layout than the task's own.
        """
        if not models:
            return
        now, sizes = list(self._models), _sizes(self.base_model)
        for row, model in models.items():
            if _sizes(model) != sizes:
                raise _another_layout(f"the model of environment {row}")
            now[row] = model
        try:
            self._physics.set_models(now)
        except mujoco.FatalError as error:  # MuJoCo's batch looks at more than sizes
            raise _another_layout("a model") from error
        self._models = now
        if "body_mass" in self._readings:
            self._readings["body_mass"][list(models)] = [m.body_mass for m in models.values()]

    def reset(
        self, *, seed: Seeds = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Start episodes.

        The same seed starts the same episode as `gym.make(env_id).reset(seed=seed)`.

        Args:
            seed: one for each environment, or an integer: environment i then has `seed + i`.
            options: `reset_mask (N,)` chooses environments (all, where absent); `models` maps rows
                to the physics they have from now on.

        Returns:
            Observations `(N, O)` of all environments, and an empty dictionary.
        """
        options = options or {}
        self.set_models(options.get("models", {}))
        mask = np.asarray(options.get("reset_mask", np.ones(self.num_envs, bool)))
        seeds, rows = spread_seeds(seed, self.num_envs), np.flatnonzero(mask).tolist()
        starts = [self.task.initial_state(self._random_numbers(i, seeds[i])) for i in rows]
        if rows:
            self._physics.start(rows, *zip(*starts, strict=True))
        self._elapsed[mask], self._resting[mask] = 0, False
        return self.task.observe(self._readings), {}

    def step(
        self, actions: NDArray[np.float32]
    ) -> tuple[Array, Array, Flags, Flags, dict[str, Any]]:
        """Step all environments that do not rest, with actions `(N, A)`.

        Returns:
            Observations `(N, O)`, rewards `(N,)`, terminated `(N,)`, truncated `(N,)`, and infos
            with `error`, an array of sentences (and the mask `_error`), if any environment failed.
        """
        actions = np.asarray(actions, np.float32)
        if actions.shape != self.action_space.shape:
            raise ArgumentError(
                f"actions: expected shape {self.action_space.shape}, got {actions.shape}"
            )
        active = ~self._resting
        before, started = self.task.position(self._readings), self._physics.time.copy()
        self._readings["ctrl"][active] = actions[active]
        errors = self._physics.step(np.flatnonzero(active))
        self._elapsed[active] += 1
        velocity = (self.task.position(self._readings) - before) / self.task.dt
        reward = np.where(active, self.task.reward(self._readings, velocity, actions), 0.0)
        terminated = self.task.terminated(self._readings) & active
        truncated = (self._elapsed >= self.task.max_episode_steps) & active
        errors.update(self._diverged(active, started, errors))
        terminated[list(errors)] = True
        self._resting |= terminated | truncated
        info = failure_info(errors, self.num_envs)
        return self.task.observe(self._readings), reward, terminated, truncated, info

    def pose(self, row: int) -> Array:
        """Positions `(Q,)` of all joints of an environment, for drawing it."""
        pose: Array = self._readings["qpos"][row].copy()
        return pose

    def close_extras(self, **kwargs: Any) -> None:
        """End the worker threads."""
        self._physics.close()

    def _random_numbers(self, row: int, seed: int | None) -> np.random.Generator:
        """Those of a row: it goes on with its own where there is no new seed."""
        rng = self._rngs[row]
        if rng is None or seed is not None:
            rng, _ = seeding.np_random(seed)
            self._rngs[row] = rng
        return rng

    def _diverged(self, active: Flags, started: Array, known: Iterable[int]) -> dict[int, str]:
        """MuJoCo answers an unstable simulation by starting it anew: its clock falls behind."""
        least = started + self.task.dt - 0.5 * self.base_model.opt.timestep
        late = active & (self._physics.time < least)
        rows = set(np.flatnonzero(late).tolist()) - set(known)
        return dict.fromkeys(rows, "the simulation became unstable and MuJoCo reset it")


def _sizes(model: mujoco.MjModel) -> tuple[int, ...]:
    """What models of one layout have in common."""
    return mujoco.mj_stateSize(model, STATE), model.nbody, model.ngeom, model.nsite, model.nv


def _another_layout(which: str) -> ArgumentError:
    return ArgumentError(
        f"models: {which} has another layout than the task's: edit a copy of `base_model`"
    )


def make_physics(task: MujocoTask, rows: int, threads: int) -> MujocoPhysics:
    """The faster one of those that can simulate a task.

    Args:
        task: what is simulated, and read.
        rows: number of simulations N.
        threads: that share them.
    """
    needs_loop = task.contact_forces or calls_python()
    return (LoopedPhysics if needs_loop else BatchedPhysics)(task, rows, threads)


def calls_python() -> bool:
    """Whether somebody has given MuJoCo a function of Python for a part of its physics."""
    getters = [name for name in dir(mujoco) if name.startswith("get_mjcb_")]
    return any(getattr(mujoco, name)() is not None for name in getters)
