"""One of several things to choose from, and its options: a core, an encoder, a control.

A choice is a frozen dataclass. Its fields are its options, `name` is what dictionaries, checkpoints
and results call it, and its methods build what it stands for. So a key that means nothing for a
choice cannot be given, and whatever varies with the choice is in its class. Registering the class
is all it takes to add one.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any, ClassVar, Generic, TypeVar

from lrs_lightning.errors import ArgumentError, UnknownNameError, did_you_mean

ENTRY_POINTS = "lrs_lightning.nn"


class Choice(ABC):
    """Base of all choices; a subclass is a frozen dataclass with a `name`."""

    name: ClassVar[str]

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Any:
        """Make the choice from options of plain values, whose names are known to be right."""
        return cls(**options)

    def to_dict(self) -> dict[str, Any]:
        """Name and options as plain values, as checkpoints keep them."""
        return {"name": self.name} | {key: _plain(value) for key, value in options_of(self).items()}


C = TypeVar("C", bound=Choice)


class Registry(Generic[C]):
    """The choices of one kind, by name.

    Args:
        kind: what is chosen, for sentences: `"core"`.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._classes: dict[str, type[C]] = {}

    def register(self, choice: type[C]) -> type[C]:
        """Add a choice; usable as a decorator above `@dataclass(frozen=True)`.

        Raises:
            ArgumentError: it is no dataclass, has no name, or another class has that name.
        """
        offered: Any = choice  # whatever somebody decorates
        name = getattr(offered, "name", None)
        if not is_dataclass(offered) or not isinstance(name, str) or not name:
            raise ArgumentError(
                f"{choice.__name__} cannot be registered as {self.kind}: make it a "
                "@dataclass(frozen=True) with a class variable `name`."
            )
        known = self._classes.get(name)
        if known is not None and _address(known) != _address(choice):
            raise ArgumentError(
                f"{self.kind} {name!r} is already {'.'.join(_address(known))}: give "
                f"{choice.__name__} another name."
            )
        self._classes[name] = choice
        return choice

    def __iter__(self) -> Any:
        return iter(self._classes)

    def __getitem__(self, name: str) -> type[C]:
        if name not in self._classes:
            load_plugins()
        if name not in self._classes:
            raise UnknownNameError(self.kind, str(name), self._classes)
        return self._classes[name]

    def classes(self) -> list[type[C]]:
        """All that are registered, in the order of their registration."""
        return list(self._classes.values())

    def from_dict(self, values: str | Mapping[str, Any]) -> C:
        """A choice from its name, or from a dictionary of `name` and options.

        Raises:
            UnknownNameError: no such choice.
            ArgumentError: the choice has no such option, or the option no such value.
        """
        given: Any = {"name": values} if isinstance(values, str) else values  # a file says anything
        if not isinstance(given, Mapping) or "name" not in given:
            raise ArgumentError(
                f"{self.kind} is {values!r}: give a name, or a dictionary with `name` and options."
            )
        choice = self[given["name"]]
        options = {key: value for key, value in given.items() if key != "name"}
        known = [field.name for field in fields(choice)]  # type: ignore[arg-type]
        for key in options:
            if key not in known:
                raise ArgumentError(self.unknown_option(choice, key))
        made: C = choice.from_options(options)
        return made

    def unknown_option(self, choice: type[Choice], key: str) -> str:
        """The sentence about an option that a choice does not have."""
        own = [field.name for field in fields(choice)]  # type: ignore[arg-type]
        others = [c.name for c in self.classes() if key in [f.name for f in fields(c)]]  # type: ignore[arg-type]
        hint = f": it belongs to {', '.join(others)}." if others else did_you_mean(key, own)
        listed = f"It has {', '.join(own)}." if own else "It has none."
        return f"{self.kind} {choice.name!r} has no option {key!r}{hint} {listed}"


@cache
def load_plugins() -> None:
    """Import what installed packages name in the entry-point group, so that it registers itself.

    Raises:
        ArgumentError: a plug-in cannot be imported.
    """
    for plugin in entry_points(group=ENTRY_POINTS):
        try:
            plugin.load()
        except Exception as error:
            raise ArgumentError(
                f"the plug-in {plugin.name!r} of {ENTRY_POINTS} cannot be imported ({error}): "
                "update or remove its package."
            ) from error


def options_of(choice: Choice) -> dict[str, Any]:
    """A choice's options and their values."""
    return {field.name: getattr(choice, field.name) for field in fields(choice)}  # type: ignore[arg-type]


def _plain(value: Any) -> Any:
    if isinstance(value, Choice):
        return value.to_dict()
    return list(value) if isinstance(value, tuple | list) else value


def _address(choice: type) -> tuple[str, str]:
    return choice.__module__, choice.__qualname__
