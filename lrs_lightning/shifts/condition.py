"""The name of a shifted world, as it is written in suites, tables and result files.

    clean                                    nothing is shifted
    mass@3                                   one shift at severity 3
    sensor_dropout[mode=zero]@2              with an option of its own
    mass[onset=200,ramp=100]@3               from step 200 on, full after 100 more
    mass@3+gaussian_noise@2                  both at once

`Condition(row.shift, row.severity)` of a result row is the condition it was played under.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lrs_lightning.errors import ArgumentError
from lrs_lightning.shifts.schedule import ALWAYS, SCHEDULE_KEYS, Schedule

CLEAN = "clean"
_FROM_TEXT = -(2**31)
_LONGEST = 512  # characters of a condition
_COMPONENT = re.compile(r"(?P<name>[A-Za-z_]\w*)(\[(?P<options>[^\[\]]*)\])?(@(?P<severity>\d+))?")


@dataclass(frozen=True)
class Component:
    """One shift of a condition: its name, severity, options and schedule."""

    name: str
    severity: int
    options: tuple[tuple[str, Any], ...] = ()
    schedule: Schedule = ALWAYS

    @property
    def label(self) -> str:
        """Name and bracketed options, without the severity."""
        scheduled = [
            (key, getattr(self.schedule, key))
            for key in SCHEDULE_KEYS
            if getattr(self.schedule, key) != getattr(ALWAYS, key)
        ]
        options = ",".join(f"{key}={value}" for key, value in (*self.options, *scheduled))
        return f"{self.name}[{options}]" if options else self.name

    def __str__(self) -> str:
        return f"{self.label}@{self.severity}"


@dataclass(frozen=True)
class Condition:
    """A shift and its severity, or several at once.

    Args:
        shift: a name, perhaps with options, a schedule, or several joined by `+` (see the module).
        severity: 0 is clean, 1 to 5 the standard strengths; it may be written into `shift` instead.
            Components of a composition without a severity of their own take this one.

    Raises:
        ArgumentError: if the text cannot be read, or no severity is given.

    Example:
        >>> Condition("mass", 3), str(Condition("mass@3+sensor_noise@2"))
        (Condition(shift='mass', severity=3), 'mass@3+sensor_noise@2')
    """

    shift: str = CLEAN
    severity: int = _FROM_TEXT

    def __post_init__(self) -> None:
        given = None if self.severity == _FROM_TEXT else self.severity
        parts = _components(self.shift, given)
        severities = {part.severity for part in parts}
        labels = [part.label if len(severities) == 1 else str(part) for part in parts]
        highest = max(severities, default=0)
        if given is not None and given != highest:
            raise ArgumentError(
                f"condition {self.shift!r} with severity {given}: the text says {highest}"
            )
        object.__setattr__(self, "shift", "+".join(labels) or CLEAN)
        object.__setattr__(self, "severity", highest)

    @property
    def components(self) -> tuple[Component, ...]:
        """The single shifts of the condition; none for clean."""
        return _components(self.shift, self.severity)

    def __str__(self) -> str:
        return "+".join(map(str, self.components)) or CLEAN

    @classmethod
    def parse(cls, source: Condition | str | Mapping[str, Any]) -> Condition:
        """Read a condition from text, or from a mapping of a YAML file.

        A mapping has `shift` and `severity`, and may have `onset`, `ramp`, `period`, `duty` and the
        shift's own options; or it has `compose`, a list of such mappings or texts.

        Raises:
            ArgumentError: if it cannot be read.
        """
        if isinstance(source, Condition):
            return source
        if isinstance(source, str):
            return cls(source)
        if not isinstance(source, Mapping) or not ({"shift", "compose"} & set(source)):
            raise ArgumentError(
                f"condition {source!r:.200}: write text such as 'mass@3', or a mapping with "
                "'shift' and 'severity'"
            )
        if "compose" in source:
            return cls("+".join(str(cls.parse(part)) for part in source["compose"]))
        rest = dict(source)
        name, severity = rest.pop("shift"), rest.pop("severity", None)
        options = ",".join(f"{key}={value}" for key, value in rest.items())
        return cls(f"{name}[{options}]" if options else str(name), severity)


def _components(text: str, default: int | None) -> tuple[Component, ...]:
    if len(text) > _LONGEST:
        raise ArgumentError(f"condition {text[:40]!r}...: more than {_LONGEST} characters")
    if text == CLEAN:
        if default:
            raise ArgumentError(f"condition clean@{default}: clean has no severity but 0")
        return ()
    if default is not None and (not isinstance(default, int) or default < 0):
        raise ArgumentError(
            f"condition {text!r}: severity {default!r:.40} is not one of 0, 1, 2, ..."
        )
    parts: list[Component] = []
    for piece in reversed(re.split(r"\+(?![^\[]*\])", text)):
        found = _COMPONENT.fullmatch(piece.strip())
        if not found:
            raise ArgumentError(
                f"condition {text!r}: cannot read {piece!r}; write name@severity, "
                "name[onset=200]@3, or several joined by +"
            )
        # A component without a severity takes that of its successor: "mass+friction@2".
        following = parts[-1].severity if parts else default
        severity = int(found["severity"]) if found["severity"] else _given(default, following, text)
        parts.append(_component(found["name"], severity, found["options"] or "", text))
    return tuple(reversed(parts))


def _given(default: int | None, following: int | None, text: str) -> int:
    severity = default if default is not None else following
    if severity is None:
        raise ArgumentError(f"condition {text!r}: severity missing; write {text}@3, for example")
    return severity


def _component(name: str, severity: int, options: str, text: str) -> Component:
    values: dict[str, Any] = {}
    for option in filter(None, (piece.strip() for piece in options.split(","))):
        key, equals, value = option.partition("=")
        if not equals:
            raise ArgumentError(f"condition {text!r}: cannot read {option!r}; write key=value")
        values[key.strip()] = _value(value.strip())
    schedule = Schedule(**{key: values.pop(key) for key in SCHEDULE_KEYS if key in values})
    return Component(name, severity, tuple(sorted(values.items())), schedule)


def _value(text: str) -> int | float | str:
    """A number where it is one, and a word otherwise."""
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text
