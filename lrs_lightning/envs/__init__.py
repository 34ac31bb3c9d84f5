"""Vector environments: many at once, fast, and equal to Gymnasium's own to the last bit."""

from lrs_lightning.envs.mujoco_engine import MujocoVectorEnv, available_cores
from lrs_lightning.envs.mujoco_task import MujocoTask
from lrs_lightning.envs.registry import TASKS, EnvInfo, describe, make
from lrs_lightning.envs.serial import SerialVectorEnv

__all__ = [
    "TASKS",
    "EnvInfo",
    "MujocoTask",
    "MujocoVectorEnv",
    "SerialVectorEnv",
    "available_cores",
    "describe",
    "make",
]
