"""Every environment that is registered with Gymnasium is played, or refused in one sentence."""

from __future__ import annotations

import warnings
from contextlib import suppress
from importlib import import_module

import gymnasium as gym
import numpy as np
import pytest

from lrs_lightning.envs import describe, make
from lrs_lightning.errors import LrsError
from tests.selection import always

with suppress(ImportError):  # an extra; its names are there whichever test came first
    gym.register_envs(import_module("ale_py"))
ELSEWHERE = ("ALE/", "GymV", "phys2d", "tabular")
"""Of another domain, or environments of Gymnasium that are vectors already."""
NAMES = [name for name in gym.registry if not name.startswith(ELSEWHERE) and "." not in name]
GAMES = [name for name in NAMES if "ale_py" in str(gym.registry[name].entry_point)]
"""Atari under the names of older versions: 62 games in four forms each, of which two always run."""
PLAYED = {
    *("Acrobot-v1", "CartPole-v1", "MountainCar-v0", "MountainCarContinuous-v0", "Pendulum-v1"),
    *("Blackjack-v1", "CliffWalking-v1", "FrozenLake-v1", "Taxi-v4"),
    *("Ant-v5", "HalfCheetah-v5", "Hopper-v5", "Humanoid-v5", "HumanoidStandup-v5", "Swimmer-v5"),
    *("InvertedDoublePendulum-v5", "InvertedPendulum-v5", "Pusher-v5", "Reacher-v5", "Walker2d-v5"),
}
"""What must be played wherever MuJoCo and Gymnasium are."""


def test_those_that_must_be_there_are():
    assert sorted(PLAYED - set(NAMES)) == []


@pytest.mark.parametrize(
    "name", always(NAMES, lambda name: name not in GAMES or name.startswith(("Pong", "Seaquest")))
)
def test_it_is_played_or_refused_in_a_sentence(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is a later version
        try:
            info = describe(name)
        except LrsError as error:
            assert name not in PLAYED
            assert ": " in str(error) and "\n" not in str(error)
            return
        env = make(name, 1)
    seen, _ = env.reset(seed=[0])
    assert seen[0].shape == info.observation_space.shape
    info.action_space.seed(0)
    for _ in range(2):
        seen, _, terminated, _, infos = env.step(np.array([info.action_space.sample()]))
        assert "error" not in infos
        if terminated[0]:
            break
    assert np.isfinite(seen).all()
    env.close()


def test_a_failure_without_a_text_is_told_with_its_place(monkeypatch):
    def broken(**kwargs):
        raise AssertionError

    gym.register("Broken-v0", entry_point=broken)
    try:
        with pytest.raises(LrsError, match=r"AssertionError: in test_every.*, line \d+ \(broken\)"):
            describe("Broken-v0")
    finally:
        del gym.registry["Broken-v0"]
