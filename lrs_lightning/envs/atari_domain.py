"""Atari as a domain: games by any of their names, pictures, and flavours for physics."""

from __future__ import annotations

from typing import Any

from lrs_lightning.envs.atari import AtariGames, preprocessing_of, spaces
from lrs_lightning.envs.atari_flavour import default_flavour
from lrs_lightning.envs.atari_names import canonical_id, is_atari
from lrs_lightning.envs.domains import Domain
from lrs_lightning.envs.info import EnvInfo


def _owns(env_id: str, **kwargs: Any) -> bool:
    return is_atari(env_id)


def _describe(env_id: str, **kwargs: Any) -> EnvInfo:
    flavour, preprocessing = default_flavour(env_id), preprocessing_of(env_id, kwargs)
    observation_space, action_space = spaces(flavour.game, preprocessing.stack)
    return EnvInfo(
        canonical_id(env_id),
        observation_space,
        action_space,
        domain=ATARI.name,
        base_model=flavour,
        max_episode_steps=-(-preprocessing.max_frames // preprocessing.frame_skip),
    )


ATARI = Domain(
    name="atari",
    owns=_owns,
    describe=_describe,
    make=AtariGames,
    simulator="ale-py",
    physics="Atari's modes and difficulties",
    pixels=True,
    canonical_id=canonical_id,
    # Each frame is recorded once, and few games at a time, so that memory holds them.
    recording={"num_envs": 8, "env_kwargs": {"stack": 1}},
    # Machado et al. (2018): a policy that has learnt a game by heart must not look like a good one.
    judging={"sticky": 0.25},
    expert_trainer="pqn",
)
