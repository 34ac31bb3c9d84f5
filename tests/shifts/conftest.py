"""Contexts of a small task of each kind, and a way to play an episode through a shift."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest

from lrs_lightning.envs import describe
from lrs_lightning.shifts import Condition, ShiftContext, ShiftedWorld


@dataclass(frozen=True)
class Flavour:
    mode: int = 0
    difficulty: int = 0
    modes: tuple[int, ...] = (0, 4, 8, 12, 16, 20)
    difficulties: tuple[int, ...] = (0, 1, 2, 3, 4, 5)


BOX = gym.spaces.Box(np.array([-1, -2], np.float32), np.array([1, 4], np.float32))


def sensors() -> ShiftContext:
    return ShiftContext(
        observation_mean=np.arange(5.0),
        observation_std=np.array([0.1, 1.0, 2.0, 3.0, 4.0]),
        observation_space=gym.spaces.Box(-np.inf, np.inf, (5,), np.float64),
        action_space=BOX,
        dynamics="mujoco",
        base_model=describe("HalfCheetah-v5").base_model,
        velocity_channels=(2, 3, 4),
    )


def frames(*shape: int) -> ShiftContext:
    return ShiftContext(
        observation_space=gym.spaces.Box(0, 255, shape or (84, 84), np.uint8),
        action_space=gym.spaces.Discrete(6),
        dynamics="atari",
        base_model=Flavour(),
    )


def inputs(context: ShiftContext, rows: int, steps: int, seed: int = 0) -> np.ndarray:
    """What a world shows to N slots, `(T, N, ...)`."""
    rng = np.random.default_rng(seed)
    space = context.observation_space
    if context.sees_frames:
        return rng.integers(0, 256, (steps, rows, *space.shape)).astype(np.uint8)
    return rng.normal(size=(steps, rows, *space.shape))


def observe(text: str, context: ShiftContext, shown: np.ndarray, episodes=None) -> np.ndarray:
    """What is seen of `shown (T, N, ...)` when slot i plays episode `episodes[i]`."""
    steps, rows = shown.shape[:2]
    world = ShiftedWorld(Condition(text), context, rows)
    slots = np.arange(rows)
    episodes = list(range(rows)) if episodes is None else list(episodes)
    world.begin(slots, [100 + e for e in episodes], episodes)
    return np.stack(
        [world.observe(shown[t], slots, np.full(rows, t, np.int64)) for t in range(steps)]
    )


@pytest.fixture
def worlds() -> SimpleNamespace:
    return SimpleNamespace(
        BOX=BOX, Flavour=Flavour, sensors=sensors, frames=frames, inputs=inputs, observe=observe
    )
