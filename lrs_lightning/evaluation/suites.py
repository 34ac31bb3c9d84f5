"""A suite: the conditions under which policies are judged, in a YAML file.

    name: paper
    mujoco: [clean, mass@2, {shift: sensor_noise, severity: 2, onset: 200}]   # for each domain
    atari: [clean, gaussian_noise@1-5]                                       # five severities

or, for one task, only a list of conditions. The clean world is always played, and first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from lrs_lightning import envs
from lrs_lightning.documents import read_yaml
from lrs_lightning.envs import EnvInfo
from lrs_lightning.envs.layouts import is_picture
from lrs_lightning.errors import (
    ArgumentError,
    DataError,
    EnvironmentMismatchError,
    LrsError,
    UnknownNameError,
)
from lrs_lightning.near import did_you_mean_path
from lrs_lightning.rollout.playing import completed
from lrs_lightning.shifts import Condition, ShiftContext, without_effect

ANY = "any"  # the domain of a plain list, which is for whatever task its author had in mind
VECTOR = "vector"  # any domain that the suite does not name, if it has a vector of sensors
_RANGE = re.compile(r"(?P<shift>[^+@]+)@(?P<first>\d+)-(?P<last>\d+)")

SuiteLike: TypeAlias = "Suite | str | Path | Sequence[Condition | str | Mapping[str, Any]]"


@dataclass(frozen=True)
class Suite:
    """Conditions by domain.

    Args:
        name: for tables and result files.
        domains: the name of a domain, `"vector"` (any other task with a vector of sensors) or
            `"any"` -> conditions, the clean one first.
        shipped: whether it came with the package, whose conditions suit no task in particular.
        named: whether its conditions were named one by one, and are wanted as they are.
    """

    name: str
    domains: Mapping[str, tuple[Condition, ...]]
    shipped: bool = False
    named: bool = False

    @classmethod
    def load(cls, source: SuiteLike) -> Suite:
        """Find a suite.

        Args:
            source: the name of a shipped suite, the path of a YAML file, a list of conditions, or a
                suite, which is handed back.

        Raises:
            UnknownNameError: no such suite.
            DataError: the file is no suite.
            ArgumentError: a condition cannot be read.
        """
        if isinstance(source, Suite):
            return source
        if not isinstance(source, (str, Path)):
            return cls("custom", {ANY: conditions(source)}, named=True)
        shipped, path = shipped_suites(), Path(source)
        if str(source) in shipped:
            return replace(_read(shipped[str(source)], str(source)), shipped=True)
        if path.is_file():
            return _read(path, path.stem)
        if path.suffix in (".yaml", ".yml"):
            known = ", ".join(sorted(shipped))
            raise DataError(
                f"no suite at {path}{did_you_mean_path(path)}: give a YAML file, or {known}"
            )
        raise UnknownNameError("suite", str(source), shipped)

    def conditions(self, domain: str, pictures: bool = False) -> list[Condition]:
        """The conditions for a task, the clean one first.

        Args:
            domain: whose dynamics the task has: `envs.describe(env_id).domain`. A domain that the
                suite does not name is played as `"vector"`, or as `"atari"` if it shows pictures.
            pictures: whether this very task shows pictures.

        Raises:
            EnvironmentMismatchError: the suite has nothing for it.
        """
        pictures |= domain in envs.domains() and envs.get_domain(domain).pixels
        kin = "atari" if pictures else VECTOR
        for name in (domain, kin, ANY):
            if name in self.domains:
                return list(self.domains[name])
        raise EnvironmentMismatchError(
            f"suite {self.name!r} has conditions for {', '.join(self.domains)}, none for a task of "
            f"domain {domain!r}: choose another suite, or add a list {domain!r} to its file"
        )

    def playable(self, info: EnvInfo) -> tuple[list[Condition], dict[str, str]]:
        """The conditions for a task, and why others of the suite are left out.

        One that would change nothing in this task is left out, and counts in no mean. Where its
        name was given one by one it is kept instead, and the rollout refuses it. A condition that a
        task cannot have at all is left out of shipped suites alone: elsewhere it is a mistake.

        Returns:
            Conditions, the clean one first; and the sentence of each that is left out.

        Raises:
            LrsError: no such shift, severity or option, or one that this task cannot have.
        """
        every = self.conditions(info.domain, is_picture(info.observation_space))
        unit = np.ones(info.observation_space.shape or ())  # any: the data's own is not known yet
        context = completed(ShiftContext(observation_mean=unit, observation_std=unit), info)
        sentences = {condition: self._why_not(condition, context) for condition in every}
        if self.named:
            return every, {}
        left_out = {str(c): sentence for c, sentence in sentences.items() if sentence is not None}
        return [c for c in every if sentences[c] is None], left_out

    def _why_not(self, condition: Condition, context: ShiftContext) -> str | None:
        try:
            return without_effect(condition, context)
        except LrsError as error:
            if self.shipped:
                return str(error)
            raise


_FORMS: Any = list[Any] | dict[str, Any]  # conditions, or lists of them by domain


def shipped_suites() -> dict[str, Traversable]:
    """The suites inside the package: name -> file."""
    entries = (files("lrs_lightning.evaluation") / "suites").iterdir()
    return {e.name.removesuffix(".yaml"): e for e in entries if e.name.endswith(".yaml")}


def conditions(sources: Iterable[Condition | str | Mapping[str, Any]]) -> tuple[Condition, ...]:
    """Read conditions; the clean one is added where it is missing, and put first."""
    found = [c for source in sources for c in _expand(source)]
    return tuple(dict.fromkeys([Condition(), *found]))


def _expand(source: Condition | str | Mapping[str, Any]) -> list[Condition]:
    """`mass@1-5` is five conditions; everything else is one."""
    severities = _RANGE.fullmatch(source.strip()) if isinstance(source, str) else None
    if severities is None:
        return [Condition.parse(source)]
    first, last = int(severities["first"]), int(severities["last"])
    if first > last:
        raise ArgumentError(
            f"condition {source!r}: severities run upwards; write {severities['shift']}"
            f"@{last}-{first}"
        )
    return [Condition(severities["shift"], s) for s in range(first, last + 1)]


def _read(file: Traversable | Path, name: str) -> Suite:
    read: Any = read_yaml(file, _FORMS, "write a list such as [clean, mass@3]")
    content = {ANY: read} if isinstance(read, list) else read
    name = str(content.pop("name", name))
    lists = {ANY if key == "conditions" else str(key): entry for key, entry in content.items()}
    known = (*envs.domains(), VECTOR)
    unknown = [key for key in lists if key not in (*known, ANY)]
    if unknown:
        raise UnknownNameError("domain in a suite", unknown[0], (*known, "conditions"))
    if not lists or not all(isinstance(entry, list) for entry in lists.values()):
        raise DataError(f"{file} is no suite: each domain needs a list of conditions")
    return Suite(name, {key: conditions(entry) for key, entry in lists.items()})
