"""A tiny environment whose returns and lengths are known, and policies for it."""

from __future__ import annotations

import time
from typing import Any

import gymnasium as gym
import numpy as np

ENV_ID = "tests/Toy-v0"


class Toy(gym.Env[Any, Any]):
    """The observation is the episode's luck; each step earns the action plus the luck.

    Episodes last 3 steps, or 1 and 1,000 with `uneven`; one that began with seed `broken` raises.
    """

    observation_space = gym.spaces.Box(-10, 10, (2,), np.float64)
    action_space = gym.spaces.Box(-1, 1, (1,), np.float32)
    broken: int | None = None
    uneven = False

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.luck, self.seed, self.time = float(self.np_random.normal()), seed, 0
        self.last = 3 if not self.uneven else 1 if self.np_random.random() < 0.5 else 1000
        return np.array([self.luck, 0.0]), {}

    def step(self, action: Any) -> Any:
        self.time += 1
        if self.seed == Toy.broken and self.time == 2:
            raise RuntimeError("the simulator is unstable")
        seen = np.array([self.luck, float(self.time)])
        return seen, float(action[0]) + self.luck, self.time >= self.last, False, {}


class Constant:
    """Always the same action."""

    def __init__(self, action: float, calls: list[int] | None = None) -> None:
        self.action, self.calls = action, calls
        self.fingerprint = f"constant {action}"

    def initial_state(self, num_envs: int) -> None:
        return None

    def step(self, observations: Any, state: Any, starts: Any) -> tuple[Any, None]:
        if self.calls is not None:
            self.calls.append(len(observations))
        return np.full((len(observations), 1), self.action, np.float32), None


class Slow(Constant):
    """One that takes its time, so that others come while it plays."""

    def __init__(self) -> None:
        super().__init__(1.0)

    def step(self, *arguments: Any) -> tuple[Any, None]:
        time.sleep(0.02)
        return super().step(*arguments)


def register() -> None:
    if ENV_ID not in gym.registry:
        gym.register(ENV_ID, entry_point=Toy)
