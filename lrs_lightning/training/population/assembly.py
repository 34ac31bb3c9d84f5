"""From a parsed configuration to the parts of a run: module, data and callbacks of a population."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lightning.pytorch import Callback

from lrs_lightning.errors import ArgumentError
from lrs_lightning.training.callbacks.finite_guard import FiniteGuard
from lrs_lightning.training.dagger.datamodule import GrowingTrajectories
from lrs_lightning.training.datamodule import ExpertTrajectories
from lrs_lightning.training.module import ImitationModule
from lrs_lightning.training.population.datamodule import PopulationTrajectories
from lrs_lightning.training.population.folders import MemberFolders
from lrs_lightning.training.population.members import Seeds, make_members
from lrs_lightning.training.population.module import KEY, PopulationModule
from lrs_lightning.training.population.section import Population, expand


@dataclass(frozen=True)
class Assembly:
    """What replaces the parts of a single `fit`.

    Args:
        module: all members.
        data: of all members.
        callbacks: in place of those that were given.
    """

    module: PopulationModule
    data: PopulationTrajectories
    callbacks: list[Callback]


def assemble(
    configuration: Mapping[str, Any], base: ImitationModule, callbacks: list[Callback]
) -> Assembly:
    """Make the parts of a population; nothing is drawn, read or written.

    Args:
        configuration: of the run, as plain values, with `population`.
        base: what the members have in common.
        callbacks: of a single `fit`.

    Raises:
        ArgumentError: names the member, and what cannot be.
    """
    if base.graph:
        raise ArgumentError(
            "model.graph records the updates of one policy: of a population, give "
            "--population.graph=true in its place"
        )
    section = Population(**configuration["population"])
    data, everything = configuration["data"], configuration.get("seed_everything")
    seeds = Seeds(data["seed"], everything if type(everything) is int else None)
    members = make_members(expand(section), base, seeds)
    kind = ExpertTrajectories if configuration.get("dagger") is None else GrowingTrajectories
    trajectories = PopulationTrajectories(
        lambda seed: kind(**{**data, "seed": seed}),
        [member.seeds.data for member in members],
        [member.frozen_encoder for member in members],
    )
    if kind is GrowingTrajectories and len(trajectories.sources) > 1:
        raise ArgumentError(
            "members of a population share the data that DAgger gathers: give them one data_seed, "
            "or a store by --data.path, and one encoder if it is frozen"
        )
    guard = next((c for c in callbacks if isinstance(c, FiniteGuard)), None)
    declared = {
        "section": {**asdict(section), "threads": None, "graph": False},
        "base": dict(base.hparams),
    }
    return Assembly(
        PopulationModule(members, section.threads, guard, declared, section.graph),
        trajectories,
        [*(c for c in callbacks if c is not guard), MemberFolders(configuration)],
    )


def declared_in(checkpoint: Mapping[str, Any], asked: Mapping[str, Any] | None) -> dict[str, Any]:
    """The sections `model` and `population` that a population goes on with.

    Args:
        checkpoint: of a population.
        asked: the section that a configuration names; None for none.

    Raises:
        ArgumentError: it names other members than the checkpoint has.
    """
    told = checkpoint[KEY]["declared"]
    section = {**told["section"], "threads": told["threads"]}
    if asked is not None:
        free = {"graph": asked.get("graph", False)}  # how it runs, and not what is trained
        free |= {"threads": None} if asked.get("threads") is None else {}
        if dict(asked) != {**section, **free}:
            names = list(expand(Population(**section)))
            listed = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
            raise ArgumentError(
                f"the checkpoint is of another population ({len(names)} members: {listed}): leave "
                "the section `population` away, or train anew without --ckpt_path"
            )
        section |= {"graph": asked.get("graph", False)}
    return {"model": told["base"], "population": section}
