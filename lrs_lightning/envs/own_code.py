"""Environments, wrappers and policies of a user's own, named on the command line.

`module:Name` imports a module, which only the user himself may ask for. What files keep is the name
without a colon: `my_robots:Arm` is `my_robots.Arm` from then on, and a file that names it finds it
once it was imported.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import gymnasium as gym

from lrs_lightning.env_variant import EnvVariant, Part
from lrs_lightning.envs.failures import describe_failure
from lrs_lightning.errors import ANY_FAILURE, ArgumentError, LrsError

WRAPPERS: dict[str, Callable[..., gym.Env[Any, Any]]] = {}
"""Wrappers of users' own that were imported, by the name that files keep."""
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


def named_object(word: str) -> Any:
    """What `module:name` names, found in the current folder as well, as `python -m` finds it.

    Raises:
        whatever the module does: the caller says what for it was imported.
    """
    module, _, name = word.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")
    thing: Any = import_module(module)
    for part in name.split("."):
        thing = getattr(thing, part)
    return thing


def imported(variant: EnvVariant) -> EnvVariant:
    """The same under the names that files keep; modules that it names are imported.

    Raises:
        LrsError: a module cannot be imported, or has not what was named.
    """
    wrappers = tuple((_imported_wrapper(name), options) for name, options in variant.wrappers)
    env_id = _imported_env(variant.env_id) if ":" in variant.env_id else variant.env_id
    return EnvVariant(env_id, variant.kwargs, wrappers)


def with_module(name: str) -> str | None:
    """`my_robots:Arm` for `my_robots.Arm`: how such a name is imported; None for other names."""
    module, _, own = name.rpartition(".")
    return f"{module}:{own}" if _DOTTED.fullmatch(name) else None


def importable(variant: EnvVariant) -> str | None:
    """How an environment of somebody's own code is named so that it is imported; else None."""
    word = with_module(variant.env_id)
    if word is None:
        return None
    wrappers = tuple(
        (name if name in WRAPPERS else with_module(name) or name, options)
        for name, options in variant.wrappers
    )
    return str(EnvVariant(word, variant.kwargs, wrappers))


def own_wrapper(part: Part) -> Callable[..., gym.Env[Any, Any]] | None:
    """A wrapper that was imported under this name."""
    return WRAPPERS.get(part[0])


def _imported_env(word: str) -> str:
    """The id of `module:Id-v0`, or of the class `module:Class`, which is registered."""
    module, _, name = word.partition(":")
    try:
        if "" not in sys.path:
            sys.path.insert(0, "")
        import_module(module)
        if name in gym.registry:
            return name
        entry = getattr(sys.modules[module], name, None)
    except ANY_FAILURE as error:
        reason = describe_failure(error)
        raise LrsError(f"environment {word!r} cannot be built: {reason}") from error
    if entry is None:
        return name  # the nearest names are offered where it is looked up
    if not callable(entry):
        raise ArgumentError(
            f"environment {word!r} is a {type(entry).__name__}: give a class of environments, or "
            "a function that makes one"
        )
    own = f"{module}.{name}"
    if own not in gym.registry or gym.registry[own].entry_point is not entry:
        gym.registry.pop(own, None)
        gym.register(own, entry_point=entry)
    return own


def _imported_wrapper(word: str) -> str:
    if ":" not in word:
        return word
    try:
        wrapper = named_object(word)
    except ANY_FAILURE as error:
        reason = describe_failure(error)
        raise ArgumentError(f"wrapper {word!r} cannot be loaded: {reason}") from error
    if not callable(wrapper):
        raise ArgumentError(
            f"wrapper {word!r} is a {type(wrapper).__name__}: give a class of wrappers, or a "
            "function of an environment that returns one"
        )
    own = word.replace(":", ".")
    WRAPPERS[own] = wrapper
    return own
