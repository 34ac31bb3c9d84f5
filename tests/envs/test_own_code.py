"""Environments and wrappers of users' own: imported where they are named, found again by name."""

from __future__ import annotations

import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from lrs_lightning.envs import canonical_id, describe, make, own_code, why_not
from lrs_lightning.errors import ArgumentError, LrsError, UnknownNameError


@pytest.fixture(autouse=True)
def in_their_folder(monkeypatch):
    """Their module is in the current folder, and is forgotten afterwards."""
    monkeypatch.chdir(Path(__file__).parent)
    yield
    for name in [name for name in gym.registry if name.startswith("own_robots.")]:
        del gym.registry[name]
    own_code.WRAPPERS.clear()
    sys.modules.pop("own_robots", None)


def test_a_class_that_nobody_registered_is_built_with_arguments_and_wrappers():
    text = "own_robots:Reach(limit=3)+own_robots:Halved(factor=0.25)"
    info = describe(text)
    kept = "own_robots.Reach(limit=3)+own_robots.Halved(factor=0.25)"
    assert info.env_id == canonical_id(text) == canonical_id(kept) == kept
    assert (info.observation_space.shape, info.action_space.shape) == ((6,), (4,))
    rewards = {}
    for name in (kept, "own_robots.Reach(limit=3)"):
        env = make(name, 2)
        env.reset(seed=[1, 2])
        for _ in range(3):
            _, rewards[name], _, truncated, infos = env.step(np.ones((2, 4), np.float32))
        assert truncated.all() and infos["_is_success"].all()
        env.close()
    halved, whole = rewards.values()
    np.testing.assert_allclose(halved, whole / 4)


def test_what_a_file_names_is_not_imported_by_it():
    with pytest.raises(UnknownNameError, match="did you mean 'own_robots:Reach'"):
        describe("own_robots.Reach")
    with pytest.raises(ArgumentError, match=r"--env 'TASK\+own_robots:Halved'"):
        describe("CartPole-v1+own_robots.Halved")
    reason = why_not("own_robots.Reach(limit=3)+own_robots.Halved")
    assert "name it --data.env 'own_robots:Reach(limit=3)+own_robots:Halved'" in reason
    assert "own_robots" not in sys.modules
    canonical_id("own_robots:Reach+own_robots:Halved")
    assert why_not("own_robots.Reach+own_robots.Halved") is None


def test_a_module_that_has_changed_is_the_one_that_is_built(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = "import gymnasium as gym\nclass Own(gym.Wrapper):\n  {}\nmake = gym.make\n"
    (tmp_path / "own_robots.py").write_text("from gymnasium.envs.classic_control import *\n")
    assert describe("own_robots:CartPoleEnv").observation_space.shape == (4,)
    sys.modules.pop("own_robots")
    (tmp_path / "own_robots.py").write_text(source.format("pass") + "CartPoleEnv = lambda: None\n")
    with pytest.raises(LrsError, match="cannot be built: "):
        describe("own_robots:CartPoleEnv")


@pytest.mark.parametrize(
    ("text", "kind", "sentence"),
    [
        ("own_robots:Reech", UnknownNameError, "unknown environment 'Reech'"),
        ("own_robots:NUMBER", ArgumentError, "is a int: give a class of environments"),
        ("no_such_module:Reach", LrsError, "cannot be built: ModuleNotFoundError"),
        ("CartPole-v1+no_such_module:W", ArgumentError, "cannot be loaded: ModuleNotFoundError"),
        ("CartPole-v1+own_robots:Wrap", ArgumentError, "cannot be loaded: AttributeError"),
        ("CartPole-v1+own_robots:NUMBER", ArgumentError, "is a int: give a class of wrappers"),
        ("own_robots:Reach(limits=3)", LrsError, "cannot be built: TypeError.*limits"),
    ],
)
def test_what_cannot_be_had_gets_one_sentence(text, kind, sentence):
    with pytest.raises(kind, match=sentence) as caught:
        describe(text)
    assert "\n" not in str(caught.value)
