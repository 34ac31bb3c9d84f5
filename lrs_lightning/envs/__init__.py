"""Vector environments: many at once, fast, and equal to Gymnasium's own to the last bit."""

from lrs_lightning.envs.atari import AtariGames
from lrs_lightning.envs.atari_flavour import Flavour, default_flavour
from lrs_lightning.envs.atari_games import Preprocessing
from lrs_lightning.envs.contract import EpisodicVectorEnv, ResetOptions
from lrs_lightning.envs.domains import (
    Domain,
    canonical_id,
    domain_of,
    domains,
    get_domain,
    judging,
    register_domain,
    simulators,
)
from lrs_lightning.envs.gymnasium_domains import TASKS
from lrs_lightning.envs.info import EnvInfo
from lrs_lightning.envs.mujoco_engine import MujocoVectorEnv
from lrs_lightning.envs.mujoco_task import MujocoTask
from lrs_lightning.envs.registry import describe, make, why_not
from lrs_lightning.envs.threaded import ThreadedVectorEnv
from lrs_lightning.envs.worker_pool import WorkerPool, available_cores

__all__ = [
    "TASKS",
    "AtariGames",
    "Domain",
    "EnvInfo",
    "EpisodicVectorEnv",
    "Flavour",
    "MujocoTask",
    "MujocoVectorEnv",
    "Preprocessing",
    "ResetOptions",
    "ThreadedVectorEnv",
    "WorkerPool",
    "available_cores",
    "canonical_id",
    "default_flavour",
    "describe",
    "domain_of",
    "domains",
    "get_domain",
    "judging",
    "make",
    "register_domain",
    "simulators",
    "why_not",
]
