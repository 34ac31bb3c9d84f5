"""The two domains of environments that are registered with Gymnasium: MuJoCo, and all others.

- a MuJoCo task of ours: `MujocoVectorEnv`, physics alone on threads;
- any other MuJoCo environment: copies of Gymnasium's own object on threads;
- everything else: its objects, one after the other; what its dynamics shifts edit are the public
  numbers of the object (`object_physics`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.mujoco import MujocoEnv

from lrs_lightning.env_variant import Part
from lrs_lightning.envs.ant import Ant
from lrs_lightning.envs.arguments import unknown_argument
from lrs_lightning.envs.atari_names import canonical_id
from lrs_lightning.envs.clones import clone
from lrs_lightning.envs.contract import EpisodicVectorEnv, Model
from lrs_lightning.envs.domains import Domain
from lrs_lightning.envs.failures import describe_failure
from lrs_lightning.envs.half_cheetah import HalfCheetah
from lrs_lightning.envs.hopper import Hopper
from lrs_lightning.envs.humanoid import Humanoid
from lrs_lightning.envs.info import EnvInfo
from lrs_lightning.envs.layouts import as_arrays, frame_channels
from lrs_lightning.envs.mujoco_engine import MujocoVectorEnv
from lrs_lightning.envs.mujoco_log import forward_warnings
from lrs_lightning.envs.mujoco_task import MujocoTask
from lrs_lightning.envs.mujoco_timers import stop_timers
from lrs_lightning.envs.object_physics import NumberSetter, numbers_of
from lrs_lightning.envs.own_code import with_module
from lrs_lightning.envs.swimmer import Swimmer
from lrs_lightning.envs.threaded import ThreadedVectorEnv
from lrs_lightning.envs.walker2d import Walker2d
from lrs_lightning.envs.wrapping import wrapped
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

_USUAL = (gym.wrappers.OrderEnforcing, gym.wrappers.PassiveEnvChecker, gym.wrappers.TimeLimit)

_built: dict[str, tuple[Any, gym.Env[Any, Any]]] = {}


def _is_mujoco(env_id: str, **kwargs: Any) -> bool:
    return isinstance(_template(env_id, kwargs).unwrapped, MujocoEnv)


def _is_anything(env_id: str, **kwargs: Any) -> bool:
    return True


def _describe_mujoco(env_id: str, **kwargs: Any) -> EnvInfo:
    env = _template(env_id, kwargs)
    base: Any = env.unwrapped
    task = None if kwargs else _task_type(gym.registry.get(env_id))
    velocities = () if kwargs.get("wrappers") else _velocity_channels(base)
    return EnvInfo(
        env_id,
        env.observation_space,
        env.action_space,
        domain=MUJOCO.name,
        base_model=base.model,
        velocity_channels=velocities,
        fallen=getattr(task, "fallen", None),  # of tasks that do not end with a fall
        step_seconds=_step_seconds(env, kwargs.get("wrappers", ())),
        max_episode_steps=_horizon(env),
        frame_channels=frame_channels(env),
    )


def _describe_other(env_id: str, **kwargs: Any) -> EnvInfo:
    env = _template(env_id, kwargs)
    return EnvInfo(
        env_id,
        env.observation_space,
        env.action_space,
        domain=OTHER.name,
        base_model=numbers_of(env),
        step_seconds=_step_seconds(env, kwargs.get("wrappers", ())),
        max_episode_steps=_horizon(env),
        frame_channels=frame_channels(env),
    )


def _make_mujoco(
    env_id: str,
    num_envs: int,
    models: Sequence[Model] | None = None,
    threads: int | None = None,
    **kwargs: Any,
) -> EpisodicVectorEnv:
    env = _template(env_id, kwargs)
    stop_timers()
    base: Any = env.unwrapped
    spec, steps = env.spec, _horizon(env)
    task_type = None if _rewrapped(env) else _task_type(spec)
    if task_type is not None:
        task = task_type(base, steps or np.iinfo(np.int64).max)
        return MujocoVectorEnv(task, num_envs, models, threads)
    if _rewrapped(env):
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


def _rewrapped(env: gym.Env[Any, Any]) -> bool:
    """Whether there is more around the object than what `gym.make` puts around every one."""
    while isinstance(env, gym.Wrapper):
        if type(env) not in _USUAL:
            return True
        env = env.env
    return False


def _horizon(env: gym.Env[Any, Any]) -> int | None:
    return env.spec.max_episode_steps if env.spec is not None else None


def _step_seconds(env: gym.Env[Any, Any], wrappers: Sequence[Part] = ()) -> float | None:
    """`dt`, as MuJoCo's and most classic environments call it; longer where steps are repeated."""
    seconds = getattr(env.unwrapped, "dt", None)
    if not isinstance(seconds, (int, float)) or seconds <= 0:
        return None
    repeats = {"RepeatAction": ("num_repeats", 1), "MaxAndSkipObservation": ("skip", 4)}
    for name, options in wrappers:
        key, usual = repeats.get(name, ("", 1))
        seconds *= options.get(key, usual)
    return float(seconds)


def _template(env_id: str, kwargs: dict[str, Any]) -> gym.Env[Any, Any]:
    """One environment of each kind, to be asked and copied, never stepped: building costs 20 ms."""
    registered = gym.registry.get(env_id)
    key = f"{env_id} {sorted(kwargs.items())}"
    if key not in _built or _built[key][0] is not registered:
        _built[key] = registered, _build(env_id, kwargs)
    return _built[key][1]


def _build(env_id: str, kwargs: Mapping[str, Any]) -> gym.Env[Any, Any]:
    _check_registered(env_id)
    forward_warnings()
    own = {name: value for name, value in kwargs.items() if name != "wrappers"}
    try:
        env = gym.make(env_id, disable_env_checker=True, **own)
    except ANY_FAILURE as error:
        reason = describe_failure(error)
        if (other := unknown_argument(gym.spec(env_id), own)) is not None:
            reason = f"{type(error).__name__}: {other}"
        raise LrsError(f"environment {env_id!r} cannot be built: {reason}") from error
    return as_arrays(wrapped(env, kwargs.get("wrappers", ())), env_id)


def _check_registered(env_id: str) -> None:
    if env_id == NO_ENV:
        raise ArgumentError("there is no simulator of this task (none): nothing can be played")
    if env_id in gym.registry:
        return
    near = map(_of_today, get_close_matches(env_id, gym.registry, n=4, cutoff=0.4))
    own = with_module(env_id)
    if own is not None:
        raise UnknownNameError("environment", env_id, {own, *TASKS})
    mend = f"one that a package registers is named with it: PACKAGE:{env_id}"
    raise UnknownNameError("environment", env_id, {*near, *TASKS}, mend)


def _of_today(env_id: str) -> str:
    """A registered id; in place of a game's ids of old (`Seaquest-v4`) the one in use."""
    is_game = str(gym.registry[env_id].entry_point).startswith("ale_py")
    return canonical_id(env_id) if is_game else env_id


def _velocity_channels(env: Any) -> tuple[int, ...]:
    """Where Gymnasium's MuJoCo tasks keep the joint velocities."""
    structure = getattr(env, "observation_structure", {})
    start = structure.get("qpos", 0)
    return tuple(range(start, start + structure.get("qvel", 0)))
