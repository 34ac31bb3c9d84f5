"""Vector environments: many at once, fast, and equal to Gymnasium's own to the last bit."""

from lrs_lightning.envs.atari import AtariGames
from lrs_lightning.envs.atari_flavour import Flavour, flavours
from lrs_lightning.envs.atari_games import Preprocessing
from lrs_lightning.envs.atari_names import canonical_id, is_atari
from lrs_lightning.envs.crew import Crew, available_cores
from lrs_lightning.envs.mujoco_engine import MujocoVectorEnv
from lrs_lightning.envs.mujoco_task import MujocoTask
from lrs_lightning.envs.registry import TASKS, EnvInfo, describe, make
from lrs_lightning.envs.threaded import ThreadedVectorEnv

__all__ = [
    "TASKS",
    "AtariGames",
    "Crew",
    "EnvInfo",
    "Flavour",
    "MujocoTask",
    "MujocoVectorEnv",
    "Preprocessing",
    "ThreadedVectorEnv",
    "available_cores",
    "canonical_id",
    "describe",
    "flavours",
    "is_atari",
    "make",
]
