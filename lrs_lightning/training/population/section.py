"""The section `population` of a configuration: which members there are, and their names."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lrs_lightning.errors import ArgumentError, did_you_mean
from lrs_lightning.files import file_name

SHORT = {
    "cell": "model.policy.core",
    "rank": "model.policy.core.rank",
    "sparsity": "model.policy.core.sparsity",
    "control": "model.policy.core.control",
    "init": "model.policy.core.init",
    "mask_seed": "model.policy.core.mask_seed",
    "hidden_size": "model.policy.core.hidden_size",
    "init_seed": "model.policy.init_seed",
    "lr": "model.lr",
    "data_seed": "data.seed",
    "seed": "seed_everything",
}
"""Short names of keys that members often differ in."""

Changes = dict[str, Any]
"""Keys of a configuration, with dots, and the values that one member has there."""


@dataclass
class Population:
    """Members that are trained side by side.

    Each is a `fit` of its own that differs from this configuration in the keys that are named here:
    those of `model`, `data.seed` and `seed_everything`, or a short name from `SHORT`.
    """

    grid: dict[str, Any] | None = None
    """Key and its values; every combination is a member."""

    members: list[dict[str, Any]] | None = None
    """Members one by one, keys and values of each; `name` names it."""

    threads: int | None = None
    """Members are shared out among so many threads; all cores by default, on a GPU one."""

    graph: bool = False
    """On a GPU: record the passes of an update once as a CUDA graph, and replay them."""


def expand(section: Population) -> dict[str, Changes]:
    """Name of each member -> what it changes, those of the grid first.

    Raises:
        ArgumentError: there is no member, two have one name, a key has no values, or no thread.
    """
    if section.threads is not None and section.threads < 1:
        raise ArgumentError(f"population.threads is {section.threads}, expected at least 1")
    listed = [dict(member) for member in section.members or ()]
    given = [member.pop("name", None) for member in listed]
    every = combinations(section.grid, "population.grid") if section.grid else []
    varied = {key for key, values in (section.grid or {}).items() if len(values) > 1}
    named = [(name_of({k: v for k, v in one.items() if k in varied}), one) for one in every]
    named += [
        (name_of(one) if name is None else file_name(str(name)), one)
        for name, one in zip(given, listed, strict=True)
    ]
    if not named:
        raise ArgumentError(
            "population has neither grid nor members: name at least one, e.g. grid: {rank: [2, 8]}"
        )
    found: dict[str, Changes] = {}
    for name, one in named:
        if name in found:
            raise ArgumentError(f"population: two members are called {name!r}: give them a `name`")
        found[name] = {long_key(key): value for key, value in one.items()}
    return found


def combinations(grid: Mapping[str, Sequence[Any]], where: str) -> list[Changes]:
    """Every combination of the values of some keys, the last key changing fastest.

    Raises:
        ArgumentError: a key has no values.
    """
    for key, values in grid.items():
        if not isinstance(values, list | tuple) or not values:
            raise ArgumentError(f"{where}: {key} is {values!r}, expected a list of values")
    return [dict(zip(grid, chosen, strict=True)) for chosen in itertools.product(*grid.values())]


def long_key(key: str) -> str:
    """The key that a short name stands for; any other has dots.

    Raises:
        ArgumentError: it is neither.
    """
    if key not in SHORT and "." not in key and key not in SHORT.values():
        raise ArgumentError(
            f"unknown key {key!r}{did_you_mean(key, SHORT)} Give a key with its dots, such as "
            f"data.window, or a short name: {', '.join(SHORT)}"
        )
    return SHORT.get(key, key)


def name_of(changes: Mapping[str, Any]) -> str:
    """What a member is called, which is also the name of its folder: `rank-2,sparsity-0.5`."""
    parts = ["-".join(pair) for pair in words_of(changes)]
    return file_name(",".join(parts) or "member")


def words_of(changes: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Keys without what stands before their dots, or by their short names, and values as text."""
    short = {long: name for name, long in SHORT.items()}
    return [(short.get(k, k.rsplit(".", 1)[-1]), _text(v)) for k, v in changes.items()]


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return str(value.get("class_path", value.get("name", "choice"))).rsplit(".", 1)[-1]
    if isinstance(value, list | tuple):
        return "+".join(map(_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
