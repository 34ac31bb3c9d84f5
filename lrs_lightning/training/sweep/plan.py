"""What a sweep declares: arms times grid times seeds, shared out among runs of `fit`."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lrs_lightning.errors import ArgumentError
from lrs_lightning.training.population.section import combinations, long_key, name_of, words_of

_OF_MEMBERS = ("data.seed", "seed_everything")
_SHAPE = ("model.policy.core", "model.policy.core.hidden_size", "model.policy.core.control")
ARM = "arm"


@dataclass(frozen=True)
class Point:
    """A member of a sweep.

    Args:
        name: of the member and of its folder.
        cell: what it is a draw of: arm, and the values of the grid.
        seeds: which draw it is.
        changes: all keys and values that it changes, in full.
    """

    name: str
    cell: dict[str, Any]
    seeds: dict[str, Any]
    changes: dict[str, Any]

    @property
    def method(self) -> str:
        """Its cell as a reader would call it: `dense, noise 0:0.4`."""
        return ", ".join(v if k == ARM else f"{k} {v}" for k, v in words_of(self.cell))


@dataclass(frozen=True)
class Run:
    """A `fit` that trains some points side by side.

    Args:
        number: of the run, which names its folder.
        points: its members.
        configuration: of the `fit`, nested as in its file.
    """

    number: int
    points: list[Point]
    configuration: dict[str, Any]

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"run-{self.number:03d}"


def points_of(
    grid: Mapping[str, Any], arms: Sequence[Mapping[str, Any]], seeds: Mapping[str, Any]
) -> list[Point]:
    """Every arm with every combination of the grid and of the seeds.

    Raises:
        ArgumentError: nothing is declared, a key has no values, or two points are the same.
    """
    if not (grid or arms):
        raise ArgumentError("a sweep needs a grid or arms, e.g. grid: {rank: [2, 8]}")
    named = [dict(arm) for arm in arms] or [{}]
    if any("name" not in arm for arm in named if arm):
        raise ArgumentError("each arm of a sweep needs a `name`")
    cells = combinations(grid, "grid") if grid else [{}]
    draws = combinations(seeds, "seeds") if seeds else [{}]
    found: dict[str, Point] = {}
    for arm in named:
        title = {ARM: arm["name"]} if arm else {}
        own = {key: value for key, value in arm.items() if key != "name"}
        for cell in cells:
            for draw in draws:
                name = name_of({**title, **cell, **draw})
                if name in found:
                    raise ArgumentError(f"a sweep: two of its points are called {name!r}")
                changes = {long_key(k): v for k, v in {**own, **cell, **draw}.items()}
                found[name] = Point(name, {**title, **cell}, dict(draw), changes)
    return list(found.values())


def runs_of(points: Sequence[Point], base: Mapping[str, Any], members: int) -> list[Run]:
    """Share points out among runs; what has the same shape and data stands together.

    Args:
        points: all of them.
        base: configuration of `fit` that all have in common, nested as in a file.
        members: at most so many in a run.

    Raises:
        ArgumentError: `base` says which members there are.
    """
    groups: dict[str, list[Point]] = {}
    for point in points:
        groups.setdefault(_text(_of_run(point), _shape(point)), []).append(point)
    together: dict[str, list[Point]] = {}
    for group in groups.values():  # of one shape after the other, of one configuration together
        together.setdefault(_text(_of_run(group[0])), []).extend(group)
    runs: list[Run] = []
    for group in together.values():
        for first in range(0, len(group), members):
            own = group[first : first + members]
            runs.append(Run(len(runs), own, _configuration(own, base)))
    return runs


def _configuration(points: Sequence[Point], base: Mapping[str, Any]) -> dict[str, Any]:
    content = copy.deepcopy(dict(base))
    for key, value in _of_run(points[0]).items():
        node = content
        *above, last = key.split(".")
        for part in above:
            node = node.setdefault(part, {})
        node[last] = value
    how = dict(content.get("population") or {})  # on how many threads, as a graph or not
    if not set(how) <= {"threads", "graph"}:
        raise ArgumentError(
            "fit.population of a sweep takes threads and graph: its members are what grid, arms "
            "and seeds declare"
        )
    content["population"] = {
        **how,
        "members": [
            {"name": p.name, **{k: v for k, v in p.changes.items() if _is_of_member(k)}}
            for p in points
        ],
    }
    return content


def _is_of_member(key: str) -> bool:
    warmup = key == "model.warmup"  # one cycle for all members
    return key in _OF_MEMBERS or (key.startswith("model.") and not warmup)


def _of_run(point: Point) -> dict[str, Any]:
    """What a whole run must share."""
    return {key: value for key, value in point.changes.items() if not _is_of_member(key)}


def _shape(point: Point) -> dict[str, Any]:
    return {key: point.changes.get(key) for key in _SHAPE}


def _text(*values: Any) -> str:
    return json.dumps(values, sort_keys=True, default=str)
