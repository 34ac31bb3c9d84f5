"""The simulations of a vector environment: what MuJoCo does with many rows.

Two do it. MuJoCo's own batch (`mujoco_batch.py`) steps rows without the interpreter. What it cannot
do is done by a loop on threads of Python (`mujoco_loop.py`): forces of contact, which MuJoCo
computes on demand only, and functions of Python that MuJoCo shall call. Both find the same bits.

Letters: N environments, Q positions, V velocities, A actuators.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import mujoco
import numpy as np
from numpy.typing import NDArray

from lrs_lightning.envs.mujoco_task import Array, Readings
from lrs_lightning.envs.worker_pool import Errors

# The integration state holds the solver's warm start: without it there is no equality.
STATE = mujoco.mjtState.mjSTATE_INTEGRATION


class MujocoPhysics(Protocol):
    """N simulations of a task."""

    readings: Readings
    """What the task reads, after each call. `ctrl (N, A)` is for writing, before a step."""
    time: Array
    """`(N,)`, in seconds."""

    def set_models(self, models: Sequence[mujoco.MjModel]) -> None:
        """Give each row its physics, all of one layout, from its next step on."""

    def start(self, rows: Sequence[int], qpos: Sequence[Array], qvel: Sequence[Array]) -> None:
        """Begin anew in these rows, at positions `(Q,)` and velocities `(V,)`."""

    def step(self, rows: NDArray[np.int64]) -> Errors:
        """A step of the task in these rows; what broke, row by row, stays as it was."""

    def close(self) -> None:
        """End the threads."""
