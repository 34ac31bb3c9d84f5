"""Which arguments an environment takes, for whoever mistyped one."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import gymnasium as gym

from lrs_lightning.errors import ANY_FAILURE, did_you_mean

_OF_GYMNASIUM = {"render_mode", "max_episode_steps"}


def unknown_argument(spec: gym.envs.registration.EnvSpec, given: Iterable[str]) -> str | None:
    """A sentence about the first argument that an environment does not take, with the nearest.

    Args:
        spec: of the environment.
        given: names of arguments.

    Returns:
        None where all are taken, or nobody can tell.
    """
    try:
        known = _names(spec)
    except ANY_FAILURE:  # of an entry point that cannot be imported
        return None
    wrong = next((name for name in given if name not in known | _OF_GYMNASIUM), None)
    if wrong is None or not known:
        return None
    hint = did_you_mean(wrong, known)
    return f"it has no argument {wrong!r}{hint} There is {', '.join(sorted(known))}"


def _names(spec: gym.envs.registration.EnvSpec) -> set[str]:
    """The arguments of a class and of those classes that take what it hands on by `**`."""
    entry: Any = spec.entry_point
    made = gym.envs.registration.load_env_creator(entry) if isinstance(entry, str) else entry
    owners = inspect.getmro(made) if inspect.isclass(made) else (made,)
    found: set[str] = set()
    for owner in owners:
        init = vars(owner).get("__init__") if inspect.isclass(owner) else owner
        if init is None:
            continue
        parameters = inspect.signature(init).parameters.values()
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        found |= {p.name for p in parameters if p.kind in kinds and p.name != "self"}
        if not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
            break
    return found
