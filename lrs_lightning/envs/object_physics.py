"""The physics of an environment that is no MuJoCo model: the numbers that its object holds.

`Pendulum-v1` has `g`, `m` and `l`, CartPole `gravity`, `masspole` and `length`: a dynamics shift
returns other numbers, and they are set on the object. What a number is good for is the
environment's own affair: where it computes with a constant instead, editing does nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from types import MappingProxyType
from typing import Any
from weakref import WeakKeyDictionary

import gymnasium as gym

from lrs_lightning.errors import ArgumentError

Numbers = Mapping[str, float]


def numbers_of(env: gym.Env[Any, Any]) -> Numbers | None:
    """The public numbers of an environment that was never reset; `None` if it has none."""
    held = vars(env.unwrapped)
    numbers = {k: v for k, v in held.items() if not k.startswith("_") and _is_number(v)}
    return MappingProxyType(numbers) if numbers else None


class NumberSetter:
    """Gives environments other numbers, and back those that are no longer other.

    A number that was never edited is left alone: it may be a counter that the environment moves.

    Args:
        base: the unedited numbers.
    """

    def __init__(self, base: Numbers) -> None:
        self._base = base
        self._edited: WeakKeyDictionary[gym.Env[Any, Any], set[str]] = WeakKeyDictionary()

    def __call__(self, env: gym.Env[Any, Any], numbers: Numbers) -> None:
        """Set the numbers of one environment; names that are absent keep the base's.

        Raises:
            ArgumentError: no numbers by name, or a name that the environment does not have.
        """
        if not isinstance(numbers, Mapping):
            raise ArgumentError(f"models: {numbers!r} does not map names to numbers")
        unknown = sorted(set(numbers) - set(self._base))
        if unknown:
            raise ArgumentError(
                f"models: the environment has no number {unknown[0]!r}; there is "
                f"{', '.join(sorted(self._base))}"
            )
        edited = {name for name, value in numbers.items() if value != self._base[name]}
        for name in edited | self._edited.get(env, set()):
            setattr(env.unwrapped, name, numbers.get(name, self._base[name]))
        self._edited[env] = edited


def _is_number(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, Real) and math.isfinite(value)
