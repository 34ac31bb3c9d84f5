"""A module of a user's own: environments and wrappers that nobody has registered."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

NUMBER = 3


class Reach(gym.Env):
    """A goal environment: two joint forces move a point; `is_success` where it is near its goal."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}
    action_space = gym.spaces.Box(-1, 1, (2, 2), np.float32)

    def __init__(self, limit: int = 12, reach: float = 0.3):
        parts = ("observation", "achieved_goal", "desired_goal")
        self.observation_space = gym.spaces.Dict(
            {name: gym.spaces.Box(-9, 9, (2,)) for name in parts}
        )
        self.limit, self.reach = limit, reach

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place, self.goal, self.steps = np.zeros(2), self.np_random.uniform(-1, 1, 2), 0
        return self._seen(), {}

    def step(self, action):
        assert action.shape == (2, 2)
        self.place = self.place + 0.1 * action.sum(0)
        self.steps += 1
        distance = float(np.linalg.norm(self.place - self.goal))
        solved = distance < self.reach
        return self._seen(), -distance, False, self.steps >= self.limit, {"is_success": solved}

    def _seen(self):
        place, goal = self.place.astype(np.float32), self.goal.astype(np.float32)
        return {"observation": place, "achieved_goal": place, "desired_goal": goal}


class Camera(gym.Env):
    """A bar on a coloured picture that two choices move and light."""

    action_space = gym.spaces.MultiDiscrete([3, 2])

    def __init__(self, size: int = 36):
        self.size = size
        self.observation_space = gym.spaces.Box(0, 255, (size, size, 3), np.uint8)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place, self.steps = int(self.np_random.integers(self.size)), 0
        return self._seen(), {}

    def step(self, action):
        assert action in self.action_space
        self.place, self.steps = self.place + int(action[0]) - 1, self.steps + 1
        return self._seen(), float(action[1]), False, self.steps >= 8, {}

    def _seen(self):
        picture = np.zeros((self.size, self.size, 3), np.uint8)
        picture[self.place % self.size, :, self.steps % 3] = 200
        return picture


class Halved(gym.RewardWrapper):
    """Rewards times a factor."""

    def __init__(self, env, factor: float = 0.5):
        super().__init__(env)
        self.factor = factor

    def reward(self, reward):
        return reward * self.factor


def towards(seen):
    """An expert of `Reach`: `(N, 6)` of achieved, desired, observed to `(N, 4)`."""
    force = np.clip(seen[:, 2:4] - seen[:, :2], -1, 1)
    return np.concatenate([force, force], axis=1)


def always(seen):
    """An expert of `Camera`: the last of six combinations, `(2, 1)`."""
    return np.full(len(seen), 5)
