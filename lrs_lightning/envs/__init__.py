"""Vector environments: many at once, fast, and equal to Gymnasium's own to the last bit."""

from lrs_lightning.envs.crew import Crew, available_cores
from lrs_lightning.envs.mujoco_engine import MujocoVectorEnv
from lrs_lightning.envs.mujoco_task import MujocoTask
from lrs_lightning.envs.registry import TASKS, EnvInfo, describe, make
from lrs_lightning.envs.threaded import ThreadedVectorEnv

__all__ = [
    "TASKS",
    "Crew",
    "EnvInfo",
    "MujocoTask",
    "MujocoVectorEnv",
    "ThreadedVectorEnv",
    "available_cores",
    "describe",
    "make",
]
