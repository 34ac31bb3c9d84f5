"""Many MuJoCo environments on a few threads, equal to Gymnasium's to the last bit.

An environment is only its integration state, one row of `_state`. Each thread owns one `MjData` and
pulls rows from a shared queue: load a row, step the physics (MuJoCo lets go of the interpreter lock
meanwhile), store the row. The working set stays in cache; observation, reward and termination are
computed for all environments at once. Edited models (heavier, slipperier) have the same layout, so
environments of different physics share a batch, and even the `MjData`.

Letters: N environments, Q positions, V velocities, A actuators, S numbers of integration state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import mujoco
import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from lrs_lightning.envs.contract import Flags
from lrs_lightning.envs.failures import describe_failure, failure_info
from lrs_lightning.envs.mujoco_task import Array, MujocoTask, Readings
from lrs_lightning.envs.seeds import Seeds, spread_seeds
from lrs_lightning.envs.worker_pool import Errors, WorkerPool
from lrs_lightning.errors import ArgumentError

# The integration state holds the solver's warm start: without it there is no equality.
_STATE = mujoco.mjtState.mjSTATE_INTEGRATION


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
        self._state = np.zeros((num_envs, mujoco.mj_stateSize(task.model, _STATE)))
        self._rows = list(self._state)  # views (S,): indexing once is cheaper than at every step
        probe = mujoco.MjData(task.model)
        self._readings: Readings = {
            "qpos": self._columns(mujoco.mjtState.mjSTATE_QPOS),
            "qvel": self._columns(mujoco.mjtState.mjSTATE_QVEL),
            "ctrl": self._columns(mujoco.mjtState.mjSTATE_CTRL),
            **{k: np.zeros((num_envs, *getattr(probe, k).shape)) for k in task.reads},
        }
        if task.reads_body_mass:
            self._readings["body_mass"] = np.tile(task.model.body_mass, (num_envs, 1))
        self._time = self._columns(mujoco.mjtState.mjSTATE_TIME)[:, 0]
        self._elapsed = np.zeros(num_envs, np.int64)
        self._resting = np.ones(num_envs, bool)
        self._rngs: list[np.random.Generator | None] = [None] * num_envs
        self._workers = WorkerPool(threads, num_envs)
        self._data = [mujoco.MjData(task.model) for _ in range(self._workers.size)]
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
        size = self._state.shape[1]
        for row, model in models.items():
            if mujoco.mj_stateSize(model, _STATE) != size or model.nbody != self.base_model.nbody:
                raise ArgumentError(
                    f"models: the model of environment {row} has another layout than the task's: "
                    "edit a copy of `base_model`"
                )
            self._models[row] = model
            if "body_mass" in self._readings:
                self._readings["body_mass"][row] = model.body_mass

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
        seeds = spread_seeds(seed, self.num_envs)
        for i in np.flatnonzero(mask).tolist():
            rng = self._rngs[i]
            if rng is None or seeds[i] is not None:
                rng, _ = seeding.np_random(seeds[i])
                self._rngs[i] = rng
            self._start(i, rng)
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
        before, started = self.task.position(self._readings), self._time.copy()
        self._readings["ctrl"][active] = actions[active]
        errors = self._workers.run(np.flatnonzero(active).tolist(), self._work)
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
        self._workers.close()

    def _start(self, i: int, rng: np.random.Generator) -> None:
        model, data = self._models[i], self._data[0]
        mujoco.mj_resetData(model, data)
        data.qpos[:], data.qvel[:] = self.task.initial_state(rng)
        mujoco.mj_forward(model, data)
        mujoco.mj_getState(model, data, self._rows[i], _STATE)
        for name in self.task.reads:
            self._readings[name][i] = getattr(data, name)

    def _work(self, queue: Iterator[int], worker: int) -> Errors:
        data = self._data[worker]
        models, states, skip = self._models, self._rows, self.task.frame_skip
        copied = [(getattr(data, name), self._readings[name]) for name in self.task.reads]
        contact_forces = self.task.contact_forces
        load, step, store = mujoco.mj_setState, mujoco.mj_step, mujoco.mj_getState
        errors: Errors = {}
        for i in queue:
            model, state = models[i], states[i]
            try:
                load(model, data, state, _STATE)
                step(model, data, skip)
                store(model, data, state, _STATE)
                if contact_forces:
                    mujoco.mj_rnePostConstraint(model, data)
            except Exception as error:  # one environment's fault is not the others'
                errors[i] = describe_failure(error)
            for source, target in copied:
                target[i] = source
        return errors

    def _diverged(self, active: Flags, started: Array, known: Iterable[int]) -> dict[int, str]:
        """MuJoCo answers an unstable simulation by starting it anew: its clock falls behind."""
        late = active & (self._time < started + self.task.dt - 0.5 * self.base_model.opt.timestep)
        rows = set(np.flatnonzero(late).tolist()) - set(known)
        return dict.fromkeys(rows, "the simulation became unstable and MuJoCo reset it")

    def _columns(self, part: mujoco.mjtState) -> Array:
        """The view `(N, size)` of one part of the integration state."""
        bits = int(part)
        start = mujoco.mj_stateSize(self.base_model, int(_STATE) & (bits - 1))
        return self._state[:, start : start + mujoco.mj_stateSize(self.base_model, bits)]
