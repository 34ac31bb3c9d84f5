"""Simulations in MuJoCo's own batch: on its threads, without the interpreter."""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np
from mujoco.batch import Batch, SimulationError
from numpy.typing import NDArray

from lrs_lightning.envs.failures import describe_failure
from lrs_lightning.envs.mujoco_task import Array, MujocoTask, Readings
from lrs_lightning.envs.worker_pool import Errors


class BatchedPhysics:
    """`MujocoPhysics` for tasks that read what a step computes anyway.

    Args:
        task: what is simulated, and read.
        rows: number of simulations N.
        threads: that share them.
    """

    def __init__(self, task: MujocoTask, rows: int, threads: int) -> None:
        self._batch = Batch(task.model, rows, threads)
        self._frame_skip = task.frame_skip
        names = ("qpos", "qvel", "ctrl", *task.reads)
        self.readings: Readings = {name: self._batch.bind(name) for name in names}
        self.time: Array = self._batch.bind("time")

    def set_models(self, models: Sequence[mujoco.MjModel]) -> None:
        """Give each row its physics."""
        self._batch.set_models(models)

    def start(self, rows: Sequence[int], qpos: Sequence[Array], qvel: Sequence[Array]) -> None:
        """Begin anew in these rows."""
        self._batch.reset(rows, stage=mujoco.mjtStage.mjSTAGE_NONE.value)
        for row, positions, velocities in zip(rows, qpos, qvel, strict=True):
            self.readings["qpos"][row], self.readings["qvel"][row] = positions, velocities
        self._batch.forward(rows)

    def step(self, rows: NDArray[np.int64]) -> Errors:
        """A step of the task in these rows."""
        try:
            self._batch.step(rows, nstep=self._frame_skip)
        except SimulationError as failed:
            return {i: self._what_broke(i) for i in failed.ids.tolist()}
        return {}

    def close(self) -> None:
        """Its threads end with it."""

    def _what_broke(self, row: int) -> str:
        return describe_failure(mujoco.FatalError(self._batch.error(row)))
