"""From an environment's id to the fastest vector environment that plays it exactly.

- a MuJoCo task of ours: `MujocoVectorEnv`, physics alone on threads;
- any other MuJoCo environment: copies of Gymnasium's own object on threads;
- everything else: its objects, one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.mujoco import MujocoEnv
from gymnasium.vector import VectorEnv

from lrs_lightning.envs.ant import Ant
from lrs_lightning.envs.atari import AtariGames, describe_game
from lrs_lightning.envs.atari_names import is_atari
from lrs_lightning.envs.clones import clone
from lrs_lightning.envs.half_cheetah import HalfCheetah
from lrs_lightning.envs.hopper import Hopper
from lrs_lightning.envs.humanoid import Humanoid
from lrs_lightning.envs.mujoco_engine import MujocoVectorEnv
from lrs_lightning.envs.mujoco_log import forward_warnings
from lrs_lightning.envs.mujoco_task import MujocoTask
from lrs_lightning.envs.swimmer import Swimmer
from lrs_lightning.envs.threaded import ThreadedVectorEnv
from lrs_lightning.envs.walker2d import Walker2d
from lrs_lightning.errors import ArgumentError, LrsError, UnknownNameError

TASKS: dict[str, type[MujocoTask]] = {
    "HalfCheetah-v5": HalfCheetah,
    "Hopper-v5": Hopper,
    "Walker2d-v5": Walker2d,
    "Ant-v5": Ant,
    "Humanoid-v5": Humanoid,
    "Swimmer-v5": Swimmer,
}
"""Tasks whose observation, reward and termination are computed for all environments at once."""


@dataclass(frozen=True)
class EnvInfo:
    """What is known of an environment before one is built."""

    env_id: str
    observation_space: gym.Space[Any]
    action_space: gym.Space[Any]
    domain: str
    """`"mujoco"`, `"atari"` or `"other"`: whose dynamics shifts apply."""
    base_model: Any = None
    """What dynamics shifts edit: an `MjModel` for MuJoCo; `None` where nothing can be edited."""
    velocity_channels: tuple[int, ...] = ()
    """Observation channels that hold velocities; empty where unknown."""
    max_episode_steps: int | None = None
    """Steps after which an episode is cut, where there is such a limit."""


_built: dict[str, tuple[Any, gym.Env[Any, Any]]] = {}


def make(
    env_id: str,
    num_envs: int,
    models: Sequence[Any] | None = None,
    threads: int | None = None,
    **kwargs: Any,
) -> VectorEnv[Any, Any, Any]:
    """Build a vector environment without autoreset.

    An episode that has ended rests until `reset(seed=..., options={"reset_mask": ...})`; an
    environment that fails ends its episode and puts a sentence into `infos["error"]`.

    Args:
        env_id: a registered id, e.g. `"HalfCheetah-v5"`.
        num_envs: number of environments N.
        models: the physics of each environment, edited copies of `describe(env_id).base_model`.
        threads: worker threads (default: all cores, at most 8); no result depends on it.
        kwargs: what `gym.make` is given beside the id; a task with changed arguments takes the
            slower path, since its arithmetic is no longer known.

    Raises:
        UnknownNameError: for an id that is not registered.
        ArgumentError: `num_envs` below 1, `models` for an environment without dynamics shifts, or a
            space that is not one array.
    """
    if num_envs < 1:
        raise ArgumentError(f"num_envs: {num_envs} environments: at least 1 is needed")
    if is_atari(env_id):
        return AtariGames(env_id, num_envs, models, threads, **kwargs)
    if models is not None and len(models) != num_envs:
        raise ArgumentError(
            f"models: {len(models)} models for {num_envs} environments: give each its own"
        )
    env = _template(env_id, kwargs)
    base, spec = env.unwrapped, env.spec
    steps = spec.max_episode_steps if spec is not None else None
    if not isinstance(base, MujocoEnv) or (spec is not None and spec.additional_wrappers):
        if models is not None:
            raise ArgumentError(
                f"models: the dynamics of {env_id} cannot be edited: leave them out"
            )
        _check_arrays(env_id, env)
        return ThreadedVectorEnv([_build(env_id, kwargs) for _ in range(num_envs)])
    task_type = _task_type(spec)
    if task_type is not None:
        task = task_type(base, steps or np.iinfo(np.int64).max)
        return MujocoVectorEnv(task, num_envs, models, threads)
    vector = ThreadedVectorEnv([clone(base) for _ in range(num_envs)], threads, steps, base.model)
    vector.set_models(dict(enumerate(models or ())))
    return vector


def describe(env_id: str, **kwargs: Any) -> EnvInfo:
    """Spaces, domain and base physics of an environment.

    Args:
        env_id: a registered id.
        kwargs: what `gym.make` is given beside the id.

    Raises:
        UnknownNameError: for an id that is not registered.
        LrsError: if Gymnasium cannot build it.
    """
    if is_atari(env_id):
        return EnvInfo(**describe_game(env_id, **kwargs))
    env = _template(env_id, kwargs)
    base: Any = env.unwrapped
    is_mujoco = isinstance(base, MujocoEnv)
    return EnvInfo(
        env_id,
        env.observation_space,
        env.action_space,
        domain="mujoco" if is_mujoco else "other",
        base_model=base.model if is_mujoco else None,
        velocity_channels=_velocity_channels(base),
        max_episode_steps=env.spec.max_episode_steps if env.spec else None,
    )


def _task_type(spec: Any) -> type[MujocoTask] | None:
    """Our task for an id that is registered with its class, and with no other arguments."""
    if spec is None or spec.kwargs:
        return None
    found = [t for known, t in TASKS.items() if gym.spec(known).entry_point == spec.entry_point]
    return found[0] if found else None


def _template(env_id: str, kwargs: dict[str, Any]) -> gym.Env[Any, Any]:
    """One environment of each kind, to be asked and copied, never stepped: building costs 20 ms."""
    registered = gym.registry.get(env_id)
    key = f"{env_id} {sorted(kwargs.items())}"
    if key not in _built or _built[key][0] is not registered:
        _built[key] = registered, _build(env_id, kwargs)
    return _built[key][1]


def _build(env_id: str, kwargs: dict[str, Any]) -> gym.Env[Any, Any]:
    if ":" not in env_id and env_id not in gym.registry:
        near = get_close_matches(env_id, gym.registry, n=4, cutoff=0.4)
        raise UnknownNameError("environment", env_id, {*near, *TASKS})
    forward_warnings()
    try:
        return gym.make(env_id, disable_env_checker=True, **kwargs)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise LrsError(f"environment {env_id!r} cannot be built: {reason}") from error


def _check_arrays(env_id: str, env: gym.Env[Any, Any]) -> None:
    """Observations and actions must be arrays, one row an environment."""
    for space in (env.observation_space, env.action_space):
        if space.shape is None:
            raise ArgumentError(
                f"{env_id}: {space} is not one array; register it with FlattenObservation or "
                "FlattenAction of gymnasium.wrappers"
            )


def _velocity_channels(env: Any) -> tuple[int, ...]:
    """Where Gymnasium's MuJoCo tasks keep the joint velocities."""
    structure = getattr(env, "observation_structure", {})
    start = structure.get("qpos", 0)
    return tuple(range(start, start + structure.get("qvel", 0)))
