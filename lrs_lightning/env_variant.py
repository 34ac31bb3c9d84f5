"""An environment with arguments and wrappers, as one line of text that files can keep.

`Pendulum-v1(g=5.0)` is Pendulum-v1 with the argument `g`; what follows a `+` is put around it, the
last outermost: `CartPole-v1+TimeAwareObservation+FrameStackObservation(stack_size=4)`. Values are
JSON. Whatever takes an environment's id takes such a line, so that a store, a checkpoint or a row
of results says by its id alone how its environment is built again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lrs_lightning.errors import ArgumentError

_NAME = re.compile(r"[^()+=,\s]+")
_KEY = re.compile(r"\s*([A-Za-z_]\w*)\s*=\s*")
_END = re.compile(r"\s*([,)])")
_DECODER = json.JSONDecoder()

Options = Mapping[str, Any]
Part = tuple[str, Options]
"""A name and its options."""


@dataclass(frozen=True)
class EnvVariant:
    """An environment as it was asked for.

    Args:
        env_id: id of the environment alone, e.g. `"Pendulum-v1"`.
        kwargs: its arguments, plain values.
        wrappers: names and arguments of what is put around it, the innermost first.

    Example:
        >>> variant = EnvVariant.parse('CartPole-v1(sutton_barto_reward=true)+TimeAwareObservation')
        >>> variant.env_id, variant.kwargs, variant.wrappers
        ('CartPole-v1', {'sutton_barto_reward': True}, (('TimeAwareObservation', {}),))
        >>> str(variant)
        'CartPole-v1(sutton_barto_reward=true)+TimeAwareObservation'
    """

    env_id: str
    kwargs: Options = field(default_factory=dict)
    wrappers: tuple[Part, ...] = ()

    @classmethod
    def parse(cls, text: str) -> EnvVariant:
        """Read the line of text.

        Raises:
            ArgumentError: it is none; says where and what is expected.
        """
        if not any(mark in text for mark in "(+"):
            return cls(text)
        (env_id, kwargs), at = _part(text, 0)
        wrappers = []
        while at < len(text):
            if text[at] != "+":
                raise _no_variant(text, at, "'+' and a wrapper, or the end")
            part, at = _part(text, at + 1)
            wrappers.append(part)
        return cls(env_id, kwargs, tuple(wrappers))

    def __str__(self) -> str:
        return "+".join(_text(name, options) for name, options in self._parts())

    def _parts(self) -> tuple[Part, ...]:
        return ((self.env_id, self.kwargs), *self.wrappers)

    @property
    def plain(self) -> bool:
        """Whether nothing is changed: the id says all."""
        return not self.kwargs and not self.wrappers

    @property
    def arguments(self) -> dict[str, Any]:
        """What a domain is given beside the id: the arguments, and `wrappers` if there are any."""
        return {**self.kwargs, **({"wrappers": self.wrappers} if self.wrappers else {})}

    def changed(self, kwargs: Options | None, wrappers: Iterable[str] | None) -> EnvVariant:
        """The same with further arguments, and with more around it.

        Args:
            kwargs: arguments that are added, or take the place of those of the name.
            wrappers: names, with options where needed: `FrameStackObservation(stack_size=4)`.

        Raises:
            ArgumentError: a wrapper is written wrongly.
        """
        more = tuple(_whole(word) for word in wrappers or ())
        return replace(
            self, kwargs={**self.kwargs, **(kwargs or {})}, wrappers=(*self.wrappers, *more)
        )


def variant_text(env: str, kwargs: Options | None, wrappers: Iterable[str] | None) -> str:
    """The line of an environment with what the options `--env-kwargs` and `--wrappers` say.

    Raises:
        ArgumentError: the line, a value or a wrapper cannot be kept as text.
    """
    return str(EnvVariant.parse(env).changed(kwargs, wrappers))


def _whole(word: str) -> Part:
    part, at = _part(word, 0)
    if at != len(word):
        raise _no_variant(word, at, "the end of the wrapper")
    return part


def _part(text: str, at: int) -> tuple[Part, int]:
    """The name at a place with its options, and where they end."""
    name = _NAME.match(text, at)
    if name is None:
        raise _no_variant(text, at, "a name")
    at = name.end()
    if text[at : at + 1] != "(":
        return (name[0], {}), at
    options, end = {}, ","
    while end == ",":
        key = _KEY.match(text, at + 1)
        if key is None:
            raise _no_variant(text, at + 1, "NAME=VALUE")
        try:
            options[key[1]], at = _DECODER.raw_decode(text, key.end())
        except (json.JSONDecodeError, RecursionError):
            raise _no_variant(text, key.end(), "a JSON value; texts stand in quotes") from None
        closing = _END.match(text, at)
        if closing is None:
            raise _no_variant(text, at, "',' or ')'")
        end, at = closing[1], closing.end() - 1
    return (name[0], options), at + 1


def _text(name: str, options: Options) -> str:
    if not options:
        return name
    for key in options:
        if not _KEY.fullmatch(f"{key}="):
            raise ArgumentError(f"{name}: {key!r} is no name of an argument")
    pairs = ",".join(f"{key}={_json(name, key, options[key])}" for key in sorted(options))
    return f"{name}({pairs})"


def _json(name: str, key: str, value: Any) -> str:
    try:
        return json.dumps(value, allow_nan=False, sort_keys=True, separators=(",", ":"))
    except (TypeError, ValueError):
        raise ArgumentError(
            f"{name}: the argument {key!r} is {value!r}, which no file can keep: give numbers, "
            "texts, true, false, null, and lists or mappings of them"
        ) from None


def _no_variant(text: str, at: int, expected: str) -> ArgumentError:
    return ArgumentError(
        f"environment {text[:200]!r}: expected {expected} at character {at + 1}, as in "
        "Pendulum-v1(g=5.0)+TimeAwareObservation"
    )
