"""Simulations in a loop on a few threads of Python.

A simulation is only its integration state, one row of `_state`. Each thread owns one `MjData` and
pulls rows from a shared queue: load a row, step the physics (MuJoCo lets go of the interpreter lock
meanwhile), store the row. The working set stays in cache. Models of different physics have the same
layout, so they share the `MjData` too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import mujoco
import numpy as np
from numpy.typing import NDArray

from lrs_lightning.envs.failures import describe_failure
from lrs_lightning.envs.mujoco_physics import STATE
from lrs_lightning.envs.mujoco_task import Array, MujocoTask, Readings
from lrs_lightning.envs.worker_pool import Errors, WorkerPool


class LoopedPhysics:
    """`MujocoPhysics` for every task.

    Args:
        task: what is simulated, and read.
        rows: number of simulations N.
        threads: that share them.
    """

    def __init__(self, task: MujocoTask, rows: int, threads: int) -> None:
        self._task, self._models = task, [task.model] * rows
        self._state = np.zeros((rows, mujoco.mj_stateSize(task.model, STATE)))
        self._rows = list(self._state)  # views (S,): indexing once is cheaper than at every step
        self._workers = WorkerPool(threads, rows)
        self._data = [mujoco.MjData(task.model) for _ in range(self._workers.size)]
        self.readings: Readings = {
            "qpos": self._columns(mujoco.mjtState.mjSTATE_QPOS),
            "qvel": self._columns(mujoco.mjtState.mjSTATE_QVEL),
            "ctrl": self._columns(mujoco.mjtState.mjSTATE_CTRL),
            **{k: np.zeros((rows, *getattr(self._data[0], k).shape)) for k in task.reads},
        }
        self.time: Array = self._columns(mujoco.mjtState.mjSTATE_TIME)[:, 0]

    def set_models(self, models: Sequence[mujoco.MjModel]) -> None:
        """Give each row its physics."""
        self._models = list(models)

    def start(self, rows: Sequence[int], qpos: Sequence[Array], qvel: Sequence[Array]) -> None:
        """Begin anew in these rows."""
        data = self._data[0]
        for row, positions, velocities in zip(rows, qpos, qvel, strict=True):
            model = self._models[row]
            mujoco.mj_resetData(model, data)
            data.qpos[:], data.qvel[:] = positions, velocities
            mujoco.mj_forward(model, data)
            mujoco.mj_getState(model, data, self._rows[row], STATE)
            for name in self._task.reads:
                self.readings[name][row] = getattr(data, name)

    def step(self, rows: NDArray[np.int64]) -> Errors:
        """A step of the task in these rows."""
        return self._workers.run(rows.tolist(), self._work)

    def close(self) -> None:
        """End the threads."""
        self._workers.close()

    def _work(self, queue: Iterator[int], worker: int) -> Errors:
        data = self._data[worker]
        models, states, skip = self._models, self._rows, self._task.frame_skip
        copied = [(getattr(data, name), self.readings[name]) for name in self._task.reads]
        contact_forces = self._task.contact_forces
        load, step, store = mujoco.mj_setState, mujoco.mj_step, mujoco.mj_getState
        errors: Errors = {}
        for i in queue:
            model, state = models[i], states[i]
            try:
                load(model, data, state, STATE)
                step(model, data, skip)
                store(model, data, state, STATE)
                if contact_forces:
                    mujoco.mj_rnePostConstraint(model, data)
            except Exception as error:  # one environment's fault is not the others'
                errors[i] = describe_failure(error)
            for source, target in copied:
                target[i] = source
        return errors

    def _columns(self, part: mujoco.mjtState) -> Array:
        """The view `(N, size)` of one part of the integration state."""
        model, bits = self._task.model, int(part)
        start = mujoco.mj_stateSize(model, int(STATE) & (bits - 1))
        return self._state[:, start : start + mujoco.mj_stateSize(model, bits)]
