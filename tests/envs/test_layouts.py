"""Observations of any layout of numbers are played as one vector, the same for all who see it."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import pytest

from lrs_lightning.data import Task
from lrs_lightning.envs import describe, make

PARTS = {"seen": gym.spaces.Box(-1, 1, (3,)), "goal": gym.spaces.Box(-1, 1, (2, 2))}
LAYOUTS = {
    "LayoutDict-v0": gym.spaces.Dict(PARTS),
    "LayoutMatrix-v0": gym.spaces.Box(-1, 1, (2, 3)),
    "LayoutNumber-v0": gym.spaces.Box(-1, 1, ()),
    "LayoutFrames-v0": gym.spaces.Box(0, 255, (4, 8, 8), np.uint8),
}


class Layout(gym.Env):
    """Shows samples of its space."""

    action_space = gym.spaces.Discrete(3, start=2)
    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"]}

    def __init__(self, name: str):
        self.observation_space = LAYOUTS[name]

    def reset(self, *, seed=None, options=None):
        self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        assert action in self.action_space
        return self.observation_space.sample(), 1.0, False, False, {}


@pytest.fixture
def layouts():
    for name in LAYOUTS:
        gym.register(name, entry_point=Layout, kwargs={"name": name}, max_episode_steps=4)
    yield
    for name in LAYOUTS:
        del gym.registry[name]


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("LayoutDict-v0", (7,)),
        ("LayoutMatrix-v0", (6,)),
        ("LayoutNumber-v0", (1,)),
        ("LayoutFrames-v0", (4, 8, 8)),
    ],
)
def test_numbers_become_a_vector_and_frames_stay(layouts, name, shape):
    info = describe(name)
    assert Task.of(name, info.observation_space, info.action_space).observation_shape == shape
    env = make(name, 2)
    seen, _ = env.reset(seed=[3, 4])
    space = LAYOUTS[name]
    space.seed(4)
    assert seen.shape == (2, *shape)
    np.testing.assert_array_equal(
        seen[1], np.reshape(gym.spaces.flatten(space, space.sample()), shape)
    )
    seen, rewards, *_ = env.step(np.array([2, 4]))
    assert seen.shape == (2, *shape) and rewards.tolist() == [1, 1]
    env.close()
