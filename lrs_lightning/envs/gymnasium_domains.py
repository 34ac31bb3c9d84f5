"""The two domains of environments that are registered with Gymnasium: MuJoCo, and all others.

- a MuJoCo task of ours: `MujocoVectorEnv`, physics alone on threads;
- any other MuJoCo environment: copies of Gymnasium's own object on threads;
- everything else: its objects, one after the other; what its dynamics shifts edit are the public
  numbers of the object (`object_physics`).
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.mujoco import MujocoEnv

from lrs_lightning.envs.ant import Ant
from lrs_lightning.envs.clones import clone
from lrs_lightning.envs.contract import EpisodicVectorEnv, Model
from lrs_lightning.envs.domains import Domain
from lrs_lightning.envs.failures import describe_failure
from lrs_lightning.envs.half_cheetah import HalfCheetah
from lrs_lightning.envs.hopper import Hopper
from lrs_lightning.envs.humanoid import Humanoid
from lrs_lightning.envs.info import EnvInfo
from lrs_lightning.envs.mujoco_engine import MujocoVectorEnv
from lrs_lightning.envs.mujoco_log import forward_warnings
from lrs_lightning.envs.mujoco_task import MujocoTask
from lrs_lightning.envs.object_physics import NumberSetter, numbers_of
from lrs_lightning.envs.swimmer import Swimmer
from lrs_lightning.envs.threaded import ThreadedVectorEnv
from lrs_lightning.envs.walker2d import Walker2d
from lrs_lightning.errors import ANY_FAILURE, ArgumentError, LrsError, UnknownNameError
from lrs_lightning.foreign_id import NO_ENV

TASKS: dict[str, type[MujocoTask]] = {
    "HalfCheetah-v5": HalfCheetah,
    "Hopper-v5": Hopper,
    "Walker2d-v5": Walker2d,
    "Ant-v5": Ant,
    "Humanoid-v5": Humanoid,
    "Swimmer-v5": Swimmer,
}
"""Tasks whose observation, reward and termination are computed for all environments at once."""

_built: dict[str, tuple[Any, gym.Env[Any, Any]]] = {}


def _is_mujoco(env_id: str, **kwargs: Any) -> bool:
    return isinstance(_template(env_id, kwargs).unwrapped, MujocoEnv)


def _is_anything(env_id: str, **kwargs: Any) -> bool:
    return True


def _describe_mujoco(env_id: str, **kwargs: Any) -> EnvInfo:
    env = _template(env_id, kwargs)
    base: Any = env.unwrapped
    task = None if kwargs else _task_type(gym.registry.get(env_id))
    return EnvInfo(
        env_id,
        env.observation_space,
        env.action_space,
        domain=MUJOCO.name,
        base_model=base.model,
        velocity_channels=_velocity_channels(base),
        fallen=getattr(task, "fallen", None),  # of tasks that do not end with a fall
        step_seconds=_step_seconds(env),
        max_episode_steps=_horizon(env),
    )


def _describe_other(env_id: str, **kwargs: Any) -> EnvInfo:
    env = _template(env_id, kwargs)
    return EnvInfo(
        env_id,
        env.observation_space,
        env.action_space,
        domain=OTHER.name,
        base_model=numbers_of(env),
        step_seconds=_step_seconds(env),
        max_episode_steps=_horizon(env),
    )


def _make_mujoco(
    env_id: str,
    num_envs: int,
    models: Sequence[Model] | None = None,
    threads: int | None = None,
    **kwargs: Any,
) -> EpisodicVectorEnv:
    env = _template(env_id, kwargs)
    base: Any = env.unwrapped
    spec, steps = env.spec, _horizon(env)
    task_type = _task_type(spec)
    if task_type is not None:
        task = task_type(base, steps or np.iinfo(np.int64).max)
        return MujocoVectorEnv(task, num_envs, models, threads)
    if spec is not None and spec.additional_wrappers:
        _check_arrays(env_id, env)
        objects = [_build(env_id, kwargs) for _ in range(num_envs)]
        vector = ThreadedVectorEnv(objects, threads, base_model=base.model)
    else:
        copies = [clone(base) for _ in range(num_envs)]
        vector = ThreadedVectorEnv(copies, threads, steps, base.model)
    vector.set_models(dict(enumerate(models or ())))
    return vector


def _make_other(
    env_id: str,
    num_envs: int,
    models: Sequence[Model] | None = None,
    threads: int | None = None,
    **kwargs: Any,
) -> EpisodicVectorEnv:
    env = _template(env_id, kwargs)
    _check_arrays(env_id, env)
    base = numbers_of(env)
    if models is not None and base is None:
        raise ArgumentError(f"models: the dynamics of {env_id} cannot be edited: leave them out")
    # One thread: such environments keep the interpreter lock, and more would only wait for it.
    objects = [_build(env_id, kwargs) for _ in range(num_envs)]
    setter = NumberSetter(base) if base is not None else None
    vector = ThreadedVectorEnv(objects, base_model=base, set_model=setter)
    vector.set_models(dict(enumerate(models or ())))
    return vector


MUJOCO = Domain(
    name="mujoco",
    owns=_is_mujoco,
    describe=_describe_mujoco,
    make=_make_mujoco,
    simulator="mujoco",
    physics="MuJoCo's physics",
    expert_trainer="sac",
)
OTHER = Domain(
    name="other",
    owns=_is_anything,
    describe=_describe_other,
    make=_make_other,
    simulator="gymnasium",
    physics="the numbers of an environment object outside MuJoCo and Atari",
)


def _task_type(spec: Any) -> type[MujocoTask] | None:
    """Our task for an id that is registered with its class alone: no arguments, no wrappers."""
    if spec is None or spec.kwargs or spec.additional_wrappers:
        return None
    found = [t for known, t in TASKS.items() if gym.spec(known).entry_point == spec.entry_point]
    return found[0] if found else None


def _horizon(env: gym.Env[Any, Any]) -> int | None:
    return env.spec.max_episode_steps if env.spec is not None else None


def _step_seconds(env: gym.Env[Any, Any]) -> float | None:
    """`dt`, as MuJoCo's and most classic environments call it."""
    seconds = getattr(env.unwrapped, "dt", None)
    return float(seconds) if isinstance(seconds, (int, float)) and seconds > 0 else None


def _template(env_id: str, kwargs: dict[str, Any]) -> gym.Env[Any, Any]:
    """One environment of each kind, to be asked and copied, never stepped: building costs 20 ms."""
    registered = gym.registry.get(env_id)
    key = f"{env_id} {sorted(kwargs.items())}"
    if key not in _built or _built[key][0] is not registered:
        _built[key] = registered, _build(env_id, kwargs)
    return _built[key][1]


def _build(env_id: str, kwargs: dict[str, Any]) -> gym.Env[Any, Any]:
    if ":" not in env_id:
        _check_registered(env_id)
    forward_warnings()
    try:
        return _as_vector(gym.make(env_id, disable_env_checker=True, **kwargs))
    except gym.error.UnregisteredEnv:  # the module is there, and has registered something else
        _check_registered(env_id.partition(":")[2])
        raise
    except ANY_FAILURE as error:
        reason = describe_failure(error)
        raise LrsError(f"environment {env_id!r} cannot be built: {reason}") from error


def _as_vector(env: gym.Env[Any, Any]) -> gym.Env[Any, Any]:
    """Observations of several parts, and matrices of numbers, as one vector; pictures stay."""
    space = env.observation_space
    several = isinstance(space, gym.spaces.Dict) and space.is_np_flattenable
    matrix = isinstance(space, gym.spaces.Box) and space.dtype.kind == "f" and len(space.shape) != 1
    return gym.wrappers.FlattenObservation(env) if several or matrix else env


def _check_registered(env_id: str) -> None:
    if env_id == NO_ENV:
        raise ArgumentError("there is no simulator of this task (none): nothing can be played")
    if env_id not in gym.registry:
        near = get_close_matches(env_id, gym.registry, n=4, cutoff=0.4)
        raise UnknownNameError("environment", env_id, {*near, *TASKS})


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
