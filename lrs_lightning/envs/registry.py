"""From an environment's id to what is known of it, and to a vector environment of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lrs_lightning.env_variant import EnvVariant
from lrs_lightning.envs.atari_domain import ATARI
from lrs_lightning.envs.contract import EpisodicVectorEnv, Model
from lrs_lightning.envs.domains import domain_of_variant, register_domain
from lrs_lightning.envs.gymnasium_domains import MUJOCO, OTHER
from lrs_lightning.envs.info import EnvInfo
from lrs_lightning.envs.own_code import importable, imported
from lrs_lightning.errors import ArgumentError, LrsError, UnknownNameError
from lrs_lightning.foreign_id import NO_ENV

for _domain in (OTHER, MUJOCO, ATARI):  # the last is asked first, and OTHER takes everything
    register_domain(_domain)


def make(
    env_id: str,
    num_envs: int,
    models: Sequence[Model] | None = None,
    threads: int | None = None,
    **kwargs: Any,
) -> EpisodicVectorEnv:
    """Build a vector environment without autoreset, on the fastest path that is exact.

    An episode that has ended rests until `reset(seed=..., options={"reset_mask": ...})`; an
    environment that fails ends its episode and puts a sentence into `infos["error"]`.

    Args:
        env_id: an id of any domain, e.g. `"HalfCheetah-v5"`; with arguments and wrappers where it
            shall have some, e.g. `"Pendulum-v1(g=5.0)"`; or `module:Class` of your own.
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
    if models is not None and len(models) != num_envs:
        raise ArgumentError(
            f"models: {len(models)} models for {num_envs} environments: give each its own"
        )
    variant = imported(EnvVariant.parse(env_id))
    kwargs = {**variant.arguments, **kwargs}
    domain = domain_of_variant(variant, **kwargs)
    return domain.make(variant.env_id, num_envs, models, threads, **kwargs)


def why_not(env_id: str) -> str | None:
    """Why episodes of a task cannot be played here; None if they can."""
    if env_id == NO_ENV:
        return "these demonstrations are of no environment (none)"
    try:
        describe(env_id)
    except UnknownNameError:
        word = importable(EnvVariant.parse(env_id))
        if word is None:
            hint = f"if a package registers it, name both: --data.env PACKAGE:{env_id}"
        else:
            hint = f"if it is of your own code, name it --data.env '{word}'"
        return f"unknown environment {env_id!r}; {hint}"
    except LrsError as error:
        return str(error)
    return None


def describe(env_id: str, **kwargs: Any) -> EnvInfo:
    """Spaces, domain and base physics of an environment.

    Args:
        env_id: an id of any domain.
        kwargs: what `gym.make` is given beside the id.

    Raises:
        UnknownNameError: for an id that is not registered.
        LrsError: if it cannot be built, or its domain gives itself another name.
    """
    variant = imported(EnvVariant.parse(env_id))
    domain = domain_of_variant(variant, **kwargs)
    info = domain.describe(variant.env_id, **{**variant.arguments, **kwargs})
    if info.domain != domain.name:
        raise ArgumentError(
            f"domain {domain.name!r} describes {env_id} as of domain {info.domain!r}: give EnvInfo "
            "the domain's own name"
        )
    return replace(info, env_id=str(replace(variant, env_id=info.env_id)))
