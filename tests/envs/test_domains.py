"""Domains: one object says all that the package must know of a kind of environment."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import EntryPoint

import pytest

from lrs_lightning.envs import (
    canonical_id,
    describe,
    domain_of,
    domains,
    get_domain,
    make,
    register_domain,
    simulators,
)
from lrs_lightning.envs import domains as domains_function
from lrs_lightning.envs.gymnasium_domains import OTHER
from lrs_lightning.errors import ArgumentError, UnknownNameError


@pytest.fixture(autouse=True)
def untouched(monkeypatch):
    import sys

    module = sys.modules["lrs_lightning.envs.domains"]
    monkeypatch.setattr(module, "_REGISTERED", dict(module._REGISTERED))
    module._load_plugins.cache_clear()
    yield module
    module._load_plugins.cache_clear()


@pytest.mark.parametrize(
    ("env_id", "name", "simulator", "pixels", "trainer"),
    [
        ("HalfCheetah-v5", "mujoco", "mujoco", False, "sac"),
        ("Reacher-v5", "mujoco", "mujoco", False, "sac"),
        ("Seaquest", "atari", "ale-py", True, "pqn"),
        ("ALE/Breakout-v5", "atari", "ale-py", True, "pqn"),
        ("CartPole-v1", "other", "gymnasium", False, None),
        ("Blackjack-v1", "other", "gymnasium", False, None),
    ],
)
def test_every_environment_belongs_to_one_domain(env_id, name, simulator, pixels, trainer):
    domain = domain_of(env_id)
    assert domain is get_domain(name) is domains()[name]
    assert (domain.simulator, domain.pixels, domain.expert_trainer) == (simulator, pixels, trainer)
    assert describe(env_id).domain == name


def test_ids_have_one_spelling_and_nothing_is_built_for_it():
    assert canonical_id("Seaquest") == "ALE/Seaquest-v5"
    assert canonical_id("HalfCheetah-v5") == "HalfCheetah-v5"
    assert canonical_id("NotInstalled-v0") == "NotInstalled-v0"


def test_the_simulators_are_those_of_all_domains():
    assert set(simulators()) == {"gymnasium", "mujoco", "ale-py"}
    register_domain(replace(OTHER, name="arms", simulator="numpy"))
    assert "numpy" in simulators()


def test_a_domain_of_ones_own_is_asked_first():
    asked = []

    def owns(env_id, **kwargs):
        asked.append((env_id, kwargs))
        return env_id == "CartPole-v1"

    arms = register_domain(
        replace(
            OTHER,
            name="arms",
            owns=owns,
            describe=lambda env_id, **kw: replace(OTHER.describe(env_id, **kw), domain="arms"),
        )
    )
    assert domain_of("CartPole-v1", sutton_barto_reward=True) is arms
    assert asked == [("CartPole-v1", {"sutton_barto_reward": True})]
    assert describe("CartPole-v1").domain == "arms"
    assert describe("Pendulum-v1").domain == "other"
    env = make("CartPole-v1", 2)
    assert env.num_envs == 2
    env.close()


def test_a_plugin_is_found_by_its_entry_point(monkeypatch, untouched):
    import sys

    monkeypatch.setitem(sys.modules, "armory", sys.modules[__name__])
    monkeypatch.setattr(sys.modules[__name__], "ARMS", replace(OTHER, name="arms"), raising=False)
    point = EntryPoint("arms", "armory:ARMS", untouched.ENTRY_POINTS)
    monkeypatch.setattr(
        untouched, "entry_points", lambda group: [point] if group == point.group else []
    )
    assert "arms" in domains_function()


def test_registering_twice_is_harmless():
    assert register_domain(OTHER) is OTHER


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("mujoco", "exists already"),
        ("sensors", "none of frames, sensors"),
        ("", "choose a name"),
        ("two words", "choose a name"),
    ],
)
def test_names_that_cannot_be_taken(name, sentence):
    with pytest.raises(ArgumentError, match=sentence):
        register_domain(replace(OTHER, name=name))


def test_an_unknown_domain_names_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'mujoco'"):
        get_domain("mujocco")


def test_a_description_of_another_domain_is_told():
    register_domain(replace(OTHER, name="arms"))
    with pytest.raises(ArgumentError, match="'arms' describes CartPole-v1 as of domain 'other'"):
        describe("CartPole-v1")
