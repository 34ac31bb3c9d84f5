"""Tiny environments of known returns."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest


class Lengths(gym.Env):
    """Lives 1 or `long` steps, by a coin of the seed, and earns 1 a step; sees (coin, step)."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (2,), np.float64)
    action_space = gym.spaces.Box(-1.0, 1.0, (1,), np.float32)

    def __init__(self, long: int = 50, fault: str = "") -> None:
        self.long, self.fault = long, fault

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        self.seed_given, self.t = seed, 0
        self.coin = int(self.np_random.integers(2))
        if self.fault == "reset" and seed == 3:
            raise OSError("no\nmotor")
        return np.array([self.coin, 0.0]), {}

    def step(self, action):
        self.t += 1
        if self.fault == "step" and self.seed_given == 3 and self.t == 1:
            raise OSError("no\nmotor")
        reward = np.nan if self.fault == "reward" and self.seed_given == 3 else 1.0
        over = self.t >= (self.long if self.coin else 1)
        return np.array([self.coin, float(self.t)]), reward, over, False, {}


FAULTS = ("", "reset", "step", "reward")


@pytest.fixture(scope="session", autouse=True)
def toys() -> None:
    for fault in FAULTS:
        gym.register(f"Lengths{fault.title()}-v0", Lengths, kwargs={"fault": fault})
