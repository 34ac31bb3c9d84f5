"""The numbers of an environment object are its physics, and shifts of them truly act."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from lrs_lightning.envs import describe, make
from lrs_lightning.envs.object_physics import NumberSetter, numbers_of
from lrs_lightning.errors import ArgumentError


class Counter(gym.Env):
    """Counts its own steps in a public number, and earns `gain` at each."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (2,), np.float64)
    action_space = gym.spaces.Discrete(2)

    def __init__(self) -> None:
        self.gain, self.steps, self._hidden, self.on, self.name = 1.5, 0, 3, True, "counter"

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return np.array([0, self.gain]), {}

    def step(self, action):
        self.steps += 1
        return np.array([self.steps, self.gain]), self.gain, False, False, {}


@pytest.fixture(scope="module", autouse=True)
def counter():
    gym.register("Counter-v0", Counter, max_episode_steps=20)


def test_physics_are_the_public_numbers():
    assert describe("Counter-v0").base_model == {"gain": 1.5, "steps": 0}
    assert {"g", "m", "l"} <= set(describe("Pendulum-v1").base_model)
    with pytest.raises(TypeError):
        describe("Pendulum-v1").base_model["g"] = 3


def test_a_row_is_edited_in_the_middle_and_set_back_and_its_own_counters_go_on():
    env = make("Counter-v0", 3)
    base = env.base_model
    env.reset(seed=0)
    rewards, seen = [], []
    for t in range(6):
        if t == 2:
            env.set_models({1: {**base, "gain": 7.0}})
        if t == 4:
            env.set_models({1: base})
        observations, reward, *_ = env.step(np.zeros(3, np.int64))
        rewards.append(reward.tolist())
        seen.append(observations[:, 0].tolist())
    assert rewards == [[1.5, 1.5, 1.5]] * 2 + [[1.5, 7.0, 1.5]] * 2 + [[1.5, 1.5, 1.5]] * 2
    assert seen == [[t, t, t] for t in range(1, 7)]
    env.close()


def test_models_at_the_start_of_an_episode():
    env = make("Counter-v0", 2, models=[{"gain": 4.0}, {}])
    assert env.reset(seed=0)[0][:, 1].tolist() == [4.0, 1.5]
    shifted = {"reset_mask": np.array([True, False]), "models": {0: {"gain": 2.0}}}
    assert env.reset(seed=[1, None], options=shifted)[0][:, 1].tolist() == [2.0, 1.5]
    env.close()


def test_an_edited_pendulum_is_gymnasiums_with_that_number():
    ours = make("Pendulum-v1", 2, models=[{"g": 14.0}, {}])
    for row, g in enumerate((14.0, 10.0)):
        theirs = gym.make("Pendulum-v1", g=g)
        seen, _ = theirs.reset(seed=3)
        np.testing.assert_array_equal(ours.reset(seed=[3, 3])[0][row], seen)
        for _ in range(20):
            action = np.full(1, 0.7, np.float32)
            seen, *_ = theirs.step(action)
            shown, *_ = ours.step(np.tile(action, (2, 1)))
            np.testing.assert_array_equal(shown[row], seen)
    ours.close()


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [({"mass": 2.0}, "no number 'mass'; there is gain, steps"), (3, "does not map names")],
)
def test_other_numbers_are_refused(numbers, sentence):
    env = Counter()
    with pytest.raises(ArgumentError, match=sentence):
        NumberSetter(numbers_of(env))(env, numbers)
