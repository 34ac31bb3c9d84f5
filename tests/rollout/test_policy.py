from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from lrs_lightning.errors import EnvironmentMismatchError
from lrs_lightning.rollout import Policy, RandomPolicy

BOX = gym.spaces.Box(np.array([-1, 0], np.float32), np.array([1, 4], np.float32))
SPACES = {"box": BOX, "list": gym.spaces.Discrete(5, start=3)}


def draw(space, first, steps=50, seed=0):
    """Actions `(T, N, ...)` of episodes whose first observations are `first (N, O)`."""
    policy = RandomPolicy(space, seed)
    assert isinstance(policy, Policy)
    state, actions = policy.initial_state(len(first)), []
    for t in range(steps):
        taken, state = policy.step(first + t, state, np.full(len(first), t == 0))
        actions.append(taken)
    return np.stack(actions)


FIRST = np.random.default_rng(0).normal(size=(40, 3))


@pytest.mark.parametrize("kind", SPACES)
def test_actions_are_uniform_and_legal(kind):
    space = SPACES[kind]
    actions = draw(space, FIRST)
    assert all(space.contains(a) for a in actions.reshape(-1, *space.shape))
    if kind == "list":
        np.testing.assert_allclose(np.bincount(actions.ravel())[3:] / actions.size, 0.2, atol=0.03)
    else:
        np.testing.assert_allclose(actions.mean(axis=(0, 1)), [0, 2], atol=0.06)
        np.testing.assert_allclose(actions.std(axis=(0, 1)), np.array([2, 4]) / 12**0.5, rtol=0.05)


@pytest.mark.parametrize("kind", SPACES)
def test_an_episode_does_not_depend_on_its_neighbours(kind):
    together, alone = draw(SPACES[kind], FIRST), draw(SPACES[kind], FIRST[7:8])
    np.testing.assert_array_equal(together[:, 7], alone[:, 0])
    assert not np.array_equal(together[:, 7], together[:, 8])
    assert not np.array_equal(draw(SPACES[kind], FIRST, seed=1), together)


@pytest.mark.parametrize(
    "space", [gym.spaces.Box(-np.inf, np.inf, (2,)), gym.spaces.MultiDiscrete([2, 3])]
)
def test_other_spaces_are_refused(space):
    with pytest.raises(EnvironmentMismatchError, match="bounded Box or a Discrete"):
        RandomPolicy(space)
