"""A member of a population: a module of its own, as an ordinary `fit` would have it."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch

from lrs_lightning.data import Task
from lrs_lightning.errors import ArgumentError, LrsError, UnknownNameError
from lrs_lightning.nn import CONTROLS, CORES, ENCODERS, RecurrentPolicy
from lrs_lightning.nn.choices import Registry
from lrs_lightning.nn.encoders import Frozen
from lrs_lightning.training.frozen_source import check_source, forget_other_run
from lrs_lightning.training.module import ImitationModule
from lrs_lightning.training.policy_arguments import with_classes
from lrs_lightning.training.population.section import Changes

_REGISTRIES: dict[str, Registry[Any]] = {"encoder": ENCODERS, "core": CORES, "control": CONTROLS}


@dataclass(frozen=True)
class Seeds:
    """What is drawn for a member beside its masks.

    Args:
        data: of the demonstrations and the order of their windows.
        everything: of the first weights, where `init_seed` is null; None for whatever torch's
            generator is at.
    """

    data: int
    everything: int | None


@dataclass(frozen=True)
class Member:
    """One of the policies that are trained side by side.

    Args:
        name: of the member, and of its folder.
        module: what a single `fit` would train; its weights are those of the member once they were
            copied there.
        seeds: of its data and its first weights.
    """

    name: str
    module: ImitationModule
    seeds: Seeds

    @property
    def policy(self) -> RecurrentPolicy:
        """The policy, once it is built."""
        assert self.module.policy is not None
        return self.module.policy

    @property
    def frozen_encoder(self) -> str | None:
        """The hash of its encoder, if that is a frozen one."""
        encoder = self.module.config.encoder
        return encoder.sha256 if isinstance(encoder, Frozen) else None

    def build(self, task: Task, statistics: Sequence[torch.Tensor]) -> RecurrentPolicy:
        """Make the policy as a single `fit` with these seeds makes it."""
        fresh = self.module.policy is None
        with torch.random.fork_rng(devices=[]):
            if self.seeds.everything is not None:
                torch.manual_seed(self.seeds.everything)
            policy = self.module.build(task)
        if fresh:
            policy.encoder.set_statistics(*statistics)
        return policy

    def configuration(self, base: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration of the single `fit` that this member equals.

        Args:
            base: that of the population, as plain values.
        """
        own = {key: value for key, value in base.items() if key not in ("population", "dagger")}
        own["seed_everything"] = self.seeds.everything
        own["model"] = with_classes(dict(self.module.hparams))
        own["data"] = {**own["data"], "seed": self.seeds.data}
        return own


def make_members(named: Mapping[str, Changes], base: ImitationModule, seeds: Seeds) -> list[Member]:
    """The members of a population; nothing is drawn or read.

    Args:
        named: name of each -> what it changes; see `section.expand`.
        base: what all have in common.
        seeds: those of the others.

    Raises:
        ArgumentError: names the member, and what cannot be: a key, a value, a rank above H, ...
    """
    members = []
    for name, changes in named.items():
        try:
            members.append(_member(name, changes, base, seeds))
        except LrsError as error:
            raise ArgumentError(f"population: member {name!r}: {error}") from error
    if len({member.module.hparams["warmup"] for member in members}) > 1:
        raise ArgumentError("population: model.warmup must be the same for all members")
    return members


def _member(name: str, changes: Changes, base: ImitationModule, seeds: Seeds) -> Member:
    model = copy.deepcopy(dict(base.hparams))
    data, everything = seeds.data, seeds.everything
    for key, value in sorted(changes.items(), key=lambda change: change[0].count(".")):
        if key == "data.seed":
            data = _seed(key, value)
        elif key == "seed_everything":
            everything = _seed(key, value)
        elif key.startswith("model."):
            _change(model, key, value)
        else:
            raise ArgumentError(
                f"{key} is the same for all members: they differ in keys of model, in data.seed "
                "and in seed_everything; `sweep` takes every key"
            )
    forget_other_run(model["policy"]["encoder"], base.hparams["policy"]["encoder"])
    module = ImitationModule(**model)
    check_source(module.config)
    return Member(name, module, Seeds(data, everything))


def _seed(key: str, value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ArgumentError(f"{key} is {value!r}: give a whole number of at least 0")
    return value


def _change(model: dict[str, Any], key: str, value: Any) -> None:
    """Put a value into the hyper-parameters of a module.

    Args:
        model: as a checkpoint has them; changed in place.
        key: with dots, `model.` first.
        value: plain, or a choice by the name of its class.
    """
    *above, last = key.split(".")[1:]
    node = model
    for part in above:
        below = node.get(part)
        if not isinstance(below, dict):
            raise UnknownNameError("key", key, [f"model.{name}" for name in model])
        node = below
    if node is model and last not in model:
        raise UnknownNameError("key", key, [f"model.{name}" for name in model])
    if last in _REGISTRIES and value is not None:
        value = _choice(last, value, node.get(last))
    node[last] = value


def _choice(kind: str, value: Any, before: Any) -> dict[str, Any]:
    """A choice as plain values; of one of another class it keeps the options that both have."""
    given = dict(value) if isinstance(value, Mapping) else {"name": value}
    name = str(given.pop("class_path", None) or given.pop("name", None)).rsplit(".", 1)[-1]
    registry = _REGISTRIES[kind]
    of_class = {choice.__name__: choice.name for choice in registry.classes()}
    choice = registry[of_class.get(name, name)]
    known = {field.name for field in fields(choice)}
    kept = {k: v for k, v in before.items() if k in known} if isinstance(before, dict) else {}
    return {**kept, **given.get("init_args", given), "name": choice.name}
