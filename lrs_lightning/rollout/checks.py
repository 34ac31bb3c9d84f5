"""Whether a policy and a task belong together, and whether what it answers is an action."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from lrs_lightning.envs import EnvInfo
from lrs_lightning.errors import EnvironmentMismatchError
from lrs_lightning.rollout.policy import Policy
from lrs_lightning.rollout.slots import Slots

Array = NDArray[Any]


def check_spaces(name: str, policy: Policy, info: EnvInfo) -> None:
    """Compare the spaces a policy declares with the environment's.

    Raises:
        EnvironmentMismatchError: if their kinds or shapes differ.
    """
    for kind in ("observation_space", "action_space"):
        theirs, ours = getattr(policy, kind, None), getattr(info, kind)
        if theirs is not None and not _same(theirs, ours):
            what = kind.replace("_", " ")
            raise EnvironmentMismatchError(
                f"policy {name!r} was made for the {what} {theirs}, and {info.env_id} has {ours}: "
                "choose a policy of this task"
            )


def check_actions(name: str, actions: Array, wanted: Array, env_id: str) -> None:
    """Actions must have the shape the environment takes, and be whole numbers for a list.

    Raises:
        EnvironmentMismatchError: if they have not, or are not.
    """
    given = np.asarray(actions)
    if given.dtype.kind not in "fiub":
        kind = "text" if given.dtype.kind in "SU" else "objects"
        raise EnvironmentMismatchError(
            f"policy {name!r} gives {kind}, and {env_id} takes numbers: return actions, or "
            "name the class itself where a function only makes the policy"
        )
    if wanted.dtype.kind in "iu" and given.dtype.kind not in "iub":
        raise EnvironmentMismatchError(
            f"policy {name!r} gives actions of type {given.dtype}, and {env_id} takes whole "
            "numbers: give the action's number, e.g. the argmax of its scores"
        )
    if given.shape != wanted.shape:
        raise EnvironmentMismatchError(
            f"policy {name!r} gives actions of shape {given.shape}, and {env_id} takes "
            f"{wanted.shape}: choose a policy of this task"
        )


def no_actions(who: str, actions: Array, slots: Slots, space: gym.Space[Any]) -> dict[int, str]:
    """Running slots whose action `(N, ...)` is not finite, or that the task has not: sentences."""
    if actions.dtype.kind == "f":
        good = np.isfinite(actions.reshape(slots.count, -1)).all(axis=1)
        fault = "is not finite"
    elif isinstance(space, gym.spaces.Discrete):
        good = (actions >= space.start) & (actions < space.start + space.n)
        fault = f"is none of the {space.n} from {space.start}"
    else:
        return {}
    return {
        row: f"the {who}'s action of step {slots.times[row]} {fault}"
        for row in np.flatnonzero(~good & slots.running).tolist()
    }


def _same(one: gym.Space[Any], other: gym.Space[Any]) -> bool:
    if isinstance(one, gym.spaces.Discrete) and isinstance(other, gym.spaces.Discrete):
        return bool(one.n == other.n and one.start == other.start)
    return type(one) is type(other) and one.shape == other.shape
