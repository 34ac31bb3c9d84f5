"""What an environment shows and takes, as one array each: what the rest of the package works with.

| shown | becomes |
|---|---|
| numbers in any shape, several parts, numbers of a list | one vector |
| bytes in a row | stay |
| a picture, grey or coloured, channels first or last, or a stack of such | `(channels, H, W)` |

| taken | becomes |
|---|---|
| a box of another shape than a vector | a vector |
| several choices at once (`MultiDiscrete`, `MultiBinary`, whole numbers) | one among combinations |

Combinations are counted with the last choice changing fastest, as `numpy.ravel_multi_index` does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from lrs_lightning.errors import ArgumentError

SMALLEST_PICTURE = 8
"""Sides of a picture; bytes in smaller matrices, such as boards, are numbers."""
MOST_COMBINATIONS = 4096
_COLOURS = (1, 3, 4)

Array = NDArray[Any]


def as_arrays(env: gym.Env[Any, Any], env_id: str) -> gym.Env[Any, Any]:
    """The environment with one array of observations and one of actions.

    Raises:
        ArgumentError: its spaces are of another kind; names the wrapper that would help.
    """
    return _taking_an_array(_showing_an_array(env, env_id), env_id)


def is_picture(space: gym.Space[Any]) -> bool:
    """Whether bytes are a picture, or a stack of pictures, in any order of the axes."""
    return (
        isinstance(space, spaces.Box)
        and space.dtype == np.uint8
        and 2 <= len(space.shape) <= 4
        and min(_sides(space.shape)) >= SMALLEST_PICTURE
    )


def _showing_an_array(env: gym.Env[Any, Any], env_id: str) -> gym.Env[Any, Any]:
    space = env.observation_space
    if isinstance(space, spaces.Dict) and len(space.spaces) == 1:
        env = OnlyPart(env)
        space = env.observation_space
    if is_picture(space):
        return env if channels_first(space.shape or ()) is None else Pictures(env)
    if any(is_picture(part) for part in _parts(space)):
        raise ArgumentError(
            f"{env_id} shows pictures and numbers together, {space}: keep {_kept(space)}, or write "
            "a wrapper of your own (module:Class) that makes one array of them"
        )
    if isinstance(space, spaces.Box) and len(space.shape) == 1:
        return env if _is_float(space) or space.dtype == np.uint8 else Floats(env)
    texts = any(isinstance(part, spaces.Text) for part in (space, *_parts(space)))
    if texts or not space.is_np_flattenable:
        raise ArgumentError(
            f"{env_id} shows {space}, which is no array: write a wrapper of your own that makes a "
            "Box of it, and name it with --wrappers module:Class"
        )
    flat = gym.wrappers.FlattenObservation(env)
    return flat if _is_float(flat.observation_space) else Floats(flat)


def _kept(space: gym.Space[Any]) -> str:
    """How to keep one picture, or all numbers, of several parts."""
    parts: Any = space.spaces  # type: ignore[attr-defined]
    named = parts.items() if isinstance(parts, Mapping) else enumerate(parts)
    pictures = {key: any(map(is_picture, (part, *_parts(part)))) for key, part in named}
    first = json.dumps([next(key for key, found in pictures.items() if found)])
    numbers = json.dumps([key for key, found in pictures.items() if not found])
    kept = f"one picture with --wrappers 'FilterObservation(filter_keys={first})'"
    return kept if numbers == "[]" else f"{kept}, or the numbers with filter_keys={numbers}"


def _taking_an_array(env: gym.Env[Any, Any], env_id: str) -> gym.Env[Any, Any]:
    space = env.action_space
    if isinstance(space, spaces.Discrete):
        return env
    if isinstance(space, spaces.Box) and _is_float(space):
        return env if len(space.shape) == 1 else FlatActions(env)
    if not isinstance(space, spaces.Box | spaces.MultiDiscrete | spaces.MultiBinary):
        raise ArgumentError(
            f"{env_id} takes {space}, which is no array: write a wrapper of your own that takes a "
            "Box, and name it with --wrappers module:Class"
        )
    counts = choices(space)[1]
    if counts is None or math.prod(counts) > MOST_COMBINATIONS:
        raise ArgumentError(
            f"{env_id} takes {space}, more than {MOST_COMBINATIONS} combinations: write a wrapper "
            "of your own that leaves fewer, or takes a Box of floats, and name it with --wrappers "
            "module:Class"
        )
    return JointActions(env)


def choices(space: gym.Space[Any]) -> tuple[Array, tuple[int, ...] | None]:
    """The first and the number of each of several choices, flat; no numbers where they are open."""
    if isinstance(space, spaces.MultiDiscrete):
        return space.start.ravel(), tuple(space.nvec.ravel().tolist())
    if isinstance(space, spaces.MultiBinary):
        count = math.prod(space.shape)
        return np.zeros(count, np.int64), (2,) * count
    if not isinstance(space, spaces.Box) or not space.is_bounded():
        return np.zeros(0, np.int64), None
    low, high = space.low.astype(np.int64).ravel(), space.high.astype(np.int64).ravel()
    return low, tuple((high - low + 1).tolist())


def channels_first(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Axes in the order stack, channel, height, width; None if `(channels, H, W)` already.

    Of `(a, b, c)` the channels are last if `c` is 1, 3 or 4 and `a` is not; so `(4, 84, 84)` is a
    stack and `(84, 84, 3)` a coloured picture.
    """
    if len(shape) == 2:
        return (0, 1)
    last = shape[-1] in _COLOURS and shape[-3] not in _COLOURS
    if len(shape) == 3:
        return (2, 0, 1) if last else None
    return (0, 3, 1, 2) if last else (0, 1, 2, 3)


def frame_channels(env: gym.Env[Any, Any]) -> int:
    """How many of the first axis of pictures `(channels, H, W)` belong to one frame."""
    inner = env
    while isinstance(inner, gym.Wrapper):
        if isinstance(inner, Pictures):
            return inner.frame_channels
        inner = inner.env
    # Three pictures one above the other are a coloured one; any other number is a stack.
    shape = env.observation_space.shape or ()
    return 3 if is_picture(env.observation_space) and shape[0] == 3 else 1


def _sides(shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width."""
    axes = channels_first(shape)
    order = range(len(shape)) if axes is None else axes
    height, width = (shape[axis] for axis in tuple(order)[-2:])
    return height, width


def _is_float(space: gym.Space[Any]) -> bool:
    return space.dtype is not None and space.dtype.kind == "f"


def _parts(space: gym.Space[Any]) -> list[gym.Space[Any]]:
    """All spaces inside a dictionary or a tuple, however deep."""
    inside: list[gym.Space[Any]] = []
    if isinstance(space, spaces.Dict):
        inside = list(space.spaces.values())
    elif isinstance(space, spaces.Tuple):
        inside = list(space.spaces)
    return [deeper for part in inside for deeper in (part, *_parts(part))]


class _Shown(gym.ObservationWrapper[Any, Any, Any]):
    """Another form of what is shown; `gym.Wrapper` has the rest."""


class OnlyPart(_Shown):
    """The only entry of a dictionary."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        ((self._key, self.observation_space),) = env.observation_space.spaces.items()  # type: ignore[attr-defined]

    def observation(self, observation: Any) -> Any:
        """The entry."""
        return observation[self._key]


class Floats(_Shown):
    """Whole numbers as floats."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        box: Any = env.observation_space
        low, high = (np.asarray(bound, np.float32) for bound in (box.low, box.high))
        self.observation_space = spaces.Box(low, high, box.shape, np.float32)

    def observation(self, observation: Any) -> Array:
        """The same numbers."""
        return np.asarray(observation, np.float32)


class Pictures(_Shown):
    """`(H, W)`, `(H, W, C)`, `(S, C, H, W)` or `(S, H, W, C)` as `(channels, H, W)`, bytes."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        shape = env.observation_space.shape or ()
        axes = channels_first(shape)
        if axes is None:
            raise AssertionError(f"pictures of shape {shape} have their channels first")
        self._axes = axes
        self.frame_channels = 1 if len(axes) == 2 else shape[axes[-3]]
        height, width = _sides(shape)
        self._shape = (math.prod(shape) // (height * width), height, width)
        self.observation_space = spaces.Box(0, 255, self._shape, np.uint8)

    def observation(self, observation: Any) -> Array:
        """The picture, its channels first; those of a stack follow each other."""
        return np.ascontiguousarray(np.transpose(observation, self._axes)).reshape(self._shape)


class FlatActions(gym.ActionWrapper[Any, Any, Any]):
    """Actions of any shape, given as a vector."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        box: Any = env.action_space
        low, high = box.low.reshape(-1), box.high.reshape(-1)
        self.action_space = spaces.Box(low, high, dtype=box.dtype)

    def action(self, action: Any) -> Array:
        """The action in its own shape."""
        return np.reshape(action, self.env.action_space.shape or ())


class JointActions(gym.ActionWrapper[Any, Any, Any]):
    """One number for several choices at once: their index among all combinations."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self._start, counts = choices(env.action_space)
        self._counts = counts or ()
        self.action_space = spaces.Discrete(math.prod(self._counts))

    def action(self, action: Any) -> Array:
        """The choices that a number stands for."""
        space = self.env.action_space
        taken = np.array(np.unravel_index(int(action), self._counts)) + self._start
        return taken.reshape(space.shape or ()).astype(space.dtype)
