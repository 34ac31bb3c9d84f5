"""Put wrappers around an environment by name: Gymnasium's, and those of users' own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym

from lrs_lightning.env_variant import Part
from lrs_lightning.envs.failures import describe_failure
from lrs_lightning.envs.own_code import own_wrapper, with_module
from lrs_lightning.errors import ANY_FAILURE, ArgumentError, LrsError, UnknownNameError

NAMES = (
    "AddRenderObservation",
    "AddWhiteNoise",
    "ClipAction",
    "ClipReward",
    "DelayObservation",
    "DiscretizeAction",
    "DiscretizeObservation",
    "FilterObservation",
    "FlattenObservation",
    "FrameStackObservation",
    "GrayscaleObservation",
    "MaxAndSkipObservation",
    "ObstructView",
    "RepeatAction",
    "RescaleAction",
    "RescaleObservation",
    "ReshapeObservation",
    "ResizeObservation",
    "StickyAction",
    "TimeAwareObservation",
    "TimeLimit",
)
"""Wrappers of Gymnasium whose arguments are plain values, and which only see and act."""
_RUNNING = ("NormalizeObservation", "NormalizeReward")
_OF_FUNCTIONS = ("TransformObservation", "TransformAction", "TransformReward")


def wrapped(env: gym.Env[Any, Any], wrappers: Sequence[Part]) -> gym.Env[Any, Any]:
    """An environment with wrappers around it, the first one innermost.

    Raises:
        UnknownNameError: there is no such wrapper.
        ArgumentError: it is one that would spoil what is measured, or was not imported.
        LrsError: it refuses this environment or its arguments; says why.
    """
    for part in wrappers:
        name, options = part
        wrapper = own_wrapper(part) or _gymnasiums(name)
        values = {key: _tuples(value) for key, value in options.items()}
        try:
            env = wrapper(env, **values)
        except ANY_FAILURE as error:
            reason = describe_failure(error)
            raise LrsError(f"wrapper {name!r} cannot be put around it: {reason}") from error
    return env


def _gymnasiums(name: str) -> Any:
    if name in NAMES and hasattr(gym.wrappers, name):
        return getattr(gym.wrappers, name)
    if name in _RUNNING:
        raise ArgumentError(
            f"wrapper {name!r} measures statistics that run on from episode to episode, so that no "
            "episode could be repeated: leave it out, policies normalise what they see themselves"
        )
    if name in _OF_FUNCTIONS:
        raise ArgumentError(
            f"wrapper {name!r} takes a function, which no file can keep: write a wrapper of your "
            "own, and name it module:Class"
        )
    if (word := with_module(name)) is not None:
        raise ArgumentError(
            f"wrapper {name!r} is of somebody's own code, which no file has imported: name it "
            f"{word} where you name the environment, e.g. --env 'TASK+{word}'"
        )
    raise UnknownNameError("wrapper", name, NAMES)


def _tuples(value: Any) -> Any:
    """Lists as tuples, which shapes must be."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
