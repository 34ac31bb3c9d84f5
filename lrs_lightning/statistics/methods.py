"""Runs are draws of a method: which policies belong together, and what a method is called."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lrs_lightning.errors import ArgumentError
from lrs_lightning.statistics.training_seeds import seeds_of

ONE_SEED = "one training seed: nothing can be said about the method"
"""What is said of every method that was trained once."""

_OF_A_RUN = {
    "name", "source", "seeds", "configuration", "parameters", "mask_seed", "init_seed",
    "encoder_run", "encoder_sha256",
}  # fmt: skip
_PARTS = 3  # differences that a name holds
Description = Mapping[str, Any]


@dataclass(frozen=True)
class Method:
    """Policies that differ in nothing but their training seeds.

    Args:
        name: of the method; that of the policy where there is one.
        policies: names of its members, each of another training seed.
        seeds: what is known of each member's seeds, by kind; see `training_seeds.SEEDS`.
    """

    name: str
    policies: tuple[str, ...]
    seeds: tuple[tuple[tuple[str, int], ...], ...]

    def shares_seeds_with(self, other: Method) -> bool:
        """Whether both were trained with the same seeds, so that they stand in pairs."""
        known = all(self.seeds) and len(set(self.seeds)) == len(self.seeds) > 1
        return known and sorted(self.seeds) == sorted(other.seeds)

    def paired_with(self, other: Method) -> tuple[str, ...]:
        """Policies of the other method, in the order of the seeds of this one."""
        of_seed = dict(zip(other.seeds, other.policies, strict=True))
        return tuple(of_seed[seed] for seed in self.seeds)


def group(
    policies: Mapping[str, Description], named: Mapping[str, Sequence[str]] | None = None
) -> tuple[list[Method], dict[str, str]]:
    """Which methods these policies are draws of.

    Policies of one configuration (see `training_facts`) are one method; one whose configuration is
    not known stands alone. Two policies of the very same seeds, such as two checkpoints of one run,
    are not two draws: the first counts.

    Args:
        policies: name -> what is known of it, with `seeds` and `configuration`.
        named: method -> its policies; the others are grouped as above.

    Returns:
        The methods, in the order of their first policy; and name -> the policy of the same seeds
        that counts in its stead.

    Raises:
        ArgumentError: a method names a policy that there is not, one that another method has, or
            two of the same seeds.
    """
    names = list(policies)
    seeds = {name: tuple(seeds_of(policies[name]).items()) for name in names}
    groups = _named(names, seeds, named or {})
    taken = {name for members in groups.values() for name in members}
    alike: dict[str, list[str]] = {}
    for name in names:
        if name not in taken:
            alike.setdefault(_key(name, policies[name]), []).append(name)
    counted, repeats = _once_each(alike, seeds)
    titles = _titles([members for members in counted.values() if len(members) > 1], policies)
    for members in counted.values():
        title = members[0] if len(members) == 1 else titles[members[0]]
        while title in groups:
            title += "'"
        groups[title] = members
    found = [
        Method(title, tuple(members), tuple(seeds[name] for name in members))
        for title, members in groups.items()
    ]
    return sorted(found, key=lambda method: names.index(method.policies[0])), repeats


def _named(
    names: Sequence[str], seeds: Mapping[str, Any], named: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    taken: dict[str, str] = {}
    for title, members in named.items():
        if not members:
            raise ArgumentError(f"group {title!r} has no runs: name at least one")
        of_seed: dict[Any, str] = {}
        for name in members:
            if name not in names:
                raise ArgumentError(
                    f"group {title!r} names {name!r}, and there is no such policy: there are "
                    f"{', '.join(names)}"
                )
            if name in taken:
                raise ArgumentError(f"{name!r} is in group {taken[name]!r} and in {title!r}")
            if seeds[name] and seeds[name] in of_seed:
                raise ArgumentError(
                    f"group {title!r} has {of_seed[seeds[name]]!r} and {name!r}, which were "
                    "trained with the same seeds and are one draw: leave one of them out"
                )
            taken[name], of_seed[seeds[name]] = title, name
    return {title: list(members) for title, members in named.items()}


def _key(name: str, policy: Description) -> str:
    configuration = policy.get("configuration")
    if not isinstance(configuration, Mapping) or not configuration or not seeds_of(policy):
        return f"alone {name}"
    own = {key: value for key, value in policy.items() if key not in _OF_A_RUN}
    return json.dumps([configuration, own], sort_keys=True, default=str)


def _once_each(
    alike: Mapping[str, list[str]], seeds: Mapping[str, Any]
) -> tuple[dict[str, list[str]], dict[str, str]]:
    counted: dict[str, list[str]] = {}
    repeats: dict[str, str] = {}
    for key, members in alike.items():
        first: dict[Any, str] = {}
        for name in members:
            same = first.setdefault(seeds[name] or name, name)
            if same != name:
                repeats[name] = same
        counted[key] = list(first.values())
    return counted, repeats


def _titles(groups: Sequence[Sequence[str]], policies: Mapping[str, Description]) -> dict[str, str]:
    """First member -> a name that says how its method differs from the others."""
    of_first = {members[0]: _facts(policies[members[0]]) for members in groups}
    keys = dict.fromkeys(key for facts in of_first.values() for key in facts)
    differ = [k for k in keys if len({str(facts.get(k, "")) for facts in of_first.values()}) > 1]
    titles: dict[str, str] = {}
    for first, facts in of_first.items():
        shown = [f"{_short(key)} {facts[key]}" for key in differ if key in facts][:_PARTS]
        title = ", ".join(shown) or str(facts.get("model.policy.core") or f"like {first}")
        while title in titles.values():
            title += "'"
        titles[first] = title
    return titles


def _facts(policy: Description) -> dict[str, Any]:
    own = {key: value for key, value in policy.items() if key == "clean_gate"}
    facts = {**policy["configuration"], **own}
    return {key: "none" if value is None else value for key, value in facts.items()}


def _short(key: str) -> str:
    return str(key).rsplit(".", 1)[-1]
