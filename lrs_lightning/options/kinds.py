"""What kind of value an option takes: in words for a sentence, in a word for its help."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from jsonargparse.typing import (
    ClosedUnitInterval,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)


@dataclass(frozen=True)
class Kind:
    """What an option takes."""

    words: str
    """For `expected ...`; empty where there are no simple words."""
    metavar: str = ""
    """For `--option METAVAR`; empty leaves it to the option's name."""
    choices: tuple[str, ...] = ()
    """The words that are possible, where they are few."""


_PLAIN: dict[Any, Kind] = {
    int: Kind("a whole number", "INT"),
    float: Kind("a number", "NUMBER"),
    bool: Kind("true or false", "BOOL"),
    str: Kind("a text"),
    Path: Kind("a path", "PATH"),
    PositiveInt: Kind("a whole number of at least 1", "INT"),
    NonNegativeInt: Kind("a whole number of at least 0", "INT"),
    PositiveFloat: Kind("a number above 0", "NUMBER"),
    NonNegativeFloat: Kind("a number of at least 0", "NUMBER"),
    ClosedUnitInterval: Kind("a number between 0 and 1", "NUMBER"),
    NoneType: Kind("null"),
}


def kind_of(action: argparse.Action) -> Kind:
    """The kind of an option's value; of a list, that of its elements."""
    if action.choices is not None:
        return _choices(action.choices)
    # jsonargparse keeps a type hint beside argparse's `type`, which is for callables.
    return kind(getattr(action, "_typehint", None) or action.type)


def kind(hint: Any) -> Kind:
    """The kind that a type hint stands for."""
    if hint in _PLAIN:
        return _PLAIN[hint]
    if get_origin(hint) is Literal:
        return _choices(get_args(hint))
    if get_origin(hint) in (Union, UnionType):
        return _either([kind(part) for part in get_args(hint) if part is not NoneType], hint)
    if get_origin(hint) is dict:
        return Kind("a mapping such as '{key: value}'", "MAPPING")
    if get_origin(hint) in (list, tuple):
        elements = kind(get_args(hint)[0])
        return Kind(f"a list, of {elements.words} each" if elements.words else "a list")
    return Kind("")


def _choices(values: Any) -> Kind:
    names = tuple(dict.fromkeys(map(str, values)))
    return Kind(f"one of {', '.join(names)}", "{" + ",".join(names) + "}", names)


def _either(kinds: list[Kind], hint: Any) -> Kind:
    """One of several kinds; `null` beside them where the hint has None."""
    null = ("null",) * (NoneType in get_args(hint))
    if all(one.choices for one in kinds):
        return _choices([name for one in kinds for name in one.choices] + list(null))
    if not all(one.words for one in kinds):
        return Kind("")
    metavars = list(dict.fromkeys(one.metavar for one in kinds))
    words = " or ".join([*(one.words for one in kinds), *null])
    return Kind(words, "|".join(metavars) if all(metavars) else "")
