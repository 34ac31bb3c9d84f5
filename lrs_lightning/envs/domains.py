"""A domain: a kind of environment, with everything the package must know of it, in one object.

MuJoCo, Atari and "any other Gymnasium environment" are domains that come with the package; one of
your own is a call of `register_domain`, or an entry point of the group `lrs_lightning.domains`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from lrs_lightning.env_variant import EnvVariant
from lrs_lightning.envs.contract import EpisodicVectorEnv
from lrs_lightning.envs.info import EnvInfo
from lrs_lightning.envs.own_code import imported
from lrs_lightning.errors import ArgumentError, UnknownNameError

ENTRY_POINTS = "lrs_lightning.domains"
RESERVED = ("frames", "sensors", "actions", "vector", "any", "conditions")
"""Words that mean something else where domains are named: in shifts and in suites."""


@dataclass(frozen=True)
class Domain:
    """A kind of environment.

    Args:
        name: what it is called in shifts (`Shift.domain`), in suites and in `EnvInfo.domain`.
        owns: `owns(env_id, **kwargs)` says whether an id belongs to it; `kwargs` are the arguments
            of the environment, and `wrappers` where there are any (`env_variant.py`). The domain
            registered last is asked first.
        describe: `describe(env_id, **kwargs)` tells spaces, base physics and the like, without
            stepping anything.
        make: `make(env_id, num_envs, models, threads, **kwargs)` builds the vector environment.
        simulator: the distribution whose version decides the numbers, e.g. `"mujoco"`.
        physics: what dynamics shifts edit, in words, e.g. `"MuJoCo's physics"`.
        pixels: whether observations are pictures: shifts of frames rather than of sensors apply.
        canonical_id: the one spelling of an id that is kept in files; the id itself where absent.
        recording: arguments of `rollout` that recording demonstrations takes, e.g. fewer
            environments side by side.
        judging: arguments of `make` with which policies are judged, e.g. sticky actions:
            without any chance in a game, thirty episodes may be four.
        expert_trainer: how `expert fit` trains an expert: `"sac"`, `"pqn"`, or `None` (it cannot).
    """

    name: str
    owns: Callable[..., bool]
    describe: Callable[..., EnvInfo]
    make: Callable[..., EpisodicVectorEnv]
    simulator: str
    physics: str = "the physics"
    pixels: bool = False
    canonical_id: Callable[[str], str] | None = None
    recording: Mapping[str, Any] = field(default_factory=dict)
    judging: Mapping[str, Any] = field(default_factory=dict)
    expert_trainer: str | None = None


_REGISTERED: dict[str, Domain] = {}


def register_domain(domain: Domain) -> Domain:
    """Add a domain; whatever takes an environment id then knows its environments.

    Raises:
        ArgumentError: the name is empty, taken, or a word with another meaning.
    """
    if not domain.name.isidentifier() or domain.name in RESERVED:
        raise ArgumentError(
            f"domain {domain.name!r}: choose a name of letters and digits that is none of "
            f"{', '.join(RESERVED)}"
        )
    if _REGISTERED.get(domain.name, domain) is not domain:
        raise ArgumentError(f"domain {domain.name!r} exists already: choose another name")
    _REGISTERED[domain.name] = domain
    return domain


@cache
def _load_plugins() -> None:
    for point in entry_points(group=ENTRY_POINTS):
        register_domain(point.load())


def domains() -> dict[str, Domain]:
    """All domains by name, in the order of their registration."""
    _load_plugins()
    return dict(_REGISTERED)


def get_domain(name: str) -> Domain:
    """The domain of this name.

    Raises:
        UnknownNameError: there is none.
    """
    known = domains()
    if name not in known:
        raise UnknownNameError("domain", name, known)
    return known[name]


def domain_of(env_id: str, **kwargs: Any) -> Domain:
    """The domain an environment belongs to.

    Args:
        env_id: the environment; `module:Name` imports a module of the user's own.
        kwargs: what `envs.make` is given beside the id.

    Raises:
        LrsError: no domain knows it, or it cannot be built.
    """
    variant = imported(EnvVariant.parse(env_id))
    return domain_of_variant(variant, **kwargs)


def domain_of_variant(variant: EnvVariant, **kwargs: Any) -> Domain:
    """The same of an environment whose name was read, and whose modules were imported."""
    for domain in reversed(domains().values()):
        if domain.owns(variant.env_id, **{**variant.arguments, **kwargs}):
            return domain
    raise UnknownNameError("environment", variant.env_id, ())


def judging(env_id: str) -> dict[str, Any]:
    """Arguments of `make` with which an environment is judged, where nothing else is asked.

    What the line of the environment says itself stays: `ALE/Seaquest-v5(sticky=0.0)`.
    """
    said = EnvVariant.parse(env_id).kwargs
    return {k: v for k, v in domain_of(env_id).judging.items() if k not in said}


def canonical_id(env_id: str) -> str:
    """The one spelling of an environment that is kept in files, arguments and wrappers included.

    Nothing is built, so that ids of environments that are not installed are taken as they are; the
    module of `module:Name` is imported.

    Raises:
        LrsError: what follows the id is no list of arguments or wrappers, or a module of the
            user's own cannot be imported.
    """
    variant = imported(EnvVariant.parse(env_id))
    for domain in reversed(domains().values()):
        if domain.canonical_id is not None and domain.owns(variant.env_id):
            return str(replace(variant, env_id=domain.canonical_id(variant.env_id)))
    return str(variant)


def simulators() -> tuple[str, ...]:
    """The distributions whose versions decide the numbers of any domain."""
    return tuple(dict.fromkeys(domain.simulator for domain in domains().values()))
