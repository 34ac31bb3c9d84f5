"""Whether a policy and a task belong together, said before the first step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from lrs_lightning.envs import EnvInfo
from lrs_lightning.errors import EnvironmentMismatchError, LrsError
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


def first_step(name: str, policy: Policy) -> Callable[[Array, Any, Array], tuple[Array, Any]]:
    """The policy's step; whatever it raises is told as a mismatch, which it nearly always is."""

    def step(observations: Array, state: Any, starts: Array) -> tuple[Array, Any]:
        try:
            return policy.step(observations, state, starts)
        except LrsError:
            raise
        except Exception as error:
            reason = " ".join(str(error).split())
            raise EnvironmentMismatchError(
                f"policy {name!r} cannot act on observations of shape {observations.shape}: "
                f"{type(error).__name__}: {reason}"
            ) from error

    return step


def check_actions(name: str, actions: Array, wanted: Array, env_id: str) -> None:
    """The first actions must have the shape the environment takes, and be whole numbers for a list.

    Raises:
        EnvironmentMismatchError: if they have not, or are not.
    """
    given = np.asarray(actions).dtype
    if wanted.dtype.kind in "iu" and given.kind not in "iub":
        raise EnvironmentMismatchError(
            f"policy {name!r} gives actions of type {given}, and {env_id} takes whole numbers: "
            "give the action's number, e.g. the argmax of its scores"
        )
    if np.shape(actions) != wanted.shape:
        raise EnvironmentMismatchError(
            f"policy {name!r} gives actions of shape {np.shape(actions)}, and {env_id} takes "
            f"{wanted.shape}: choose a policy of this task"
        )


def not_finite(who: str, actions: Array, slots: Slots) -> dict[int, str]:
    """Running slots whose action `(N, ...)` is NaN or infinite: slot -> sentence."""
    if actions.dtype.kind != "f":
        return {}
    finite = np.isfinite(actions.reshape(slots.count, -1)).all(axis=1)
    return {
        row: f"the {who}'s action of step {slots.times[row]} is not finite"
        for row in np.flatnonzero(~finite & slots.running).tolist()
    }


def _same(one: gym.Space[Any], other: gym.Space[Any]) -> bool:
    if isinstance(one, gym.spaces.Discrete) and isinstance(other, gym.spaces.Discrete):
        return bool(one.n == other.n and one.start == other.start)
    return type(one) is type(other) and one.shape == other.shape
