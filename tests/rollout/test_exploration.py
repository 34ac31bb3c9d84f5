from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from lrs_lightning.errors import ArgumentError
from lrs_lightning.rollout.exploration import Exploration

BOX = gym.spaces.Box(-1, 1, (3,))


def explore(space, sigmas, wanted, rows=None):
    """What is executed of `wanted (T, N, ...)` when slot i plays episode `rows[i]`."""
    rows = list(range(len(sigmas))) if rows is None else rows
    slots = np.arange(len(rows))
    noise = Exploration(sigmas, len(sigmas), space, len(rows))
    noise.begin(slots, [10 + k for k in rows], rows)
    return np.stack([noise.act(w, slots, np.full(len(rows), t)) for t, w in enumerate(wanted)])


def test_each_episode_has_its_own_strength():
    sigmas = [0.0, 0.1, 0.2, 0.3]
    done = explore(BOX, sigmas, np.zeros((600, 4, 3), np.float32))
    assert done.dtype == np.float32
    np.testing.assert_array_equal(done[:, 0], 0)
    np.testing.assert_allclose(done.std(axis=(0, 2)), sigmas, atol=0.02)


def test_actions_stay_within_bounds():
    done = explore(BOX, [2.0], np.full((200, 1, 3), 0.9, np.float32))
    assert np.abs(done).max() == 1


def test_noise_belongs_to_the_episode():
    sigmas, wanted = [0.2] * 4, np.zeros((30, 4, 3), np.float32)
    together = explore(BOX, sigmas, wanted)
    alone = explore(BOX, sigmas, wanted[:, :1], rows=[2])
    np.testing.assert_array_equal(together[:, 2], alone[:, 0])
    assert not np.array_equal(together[:, 1], together[:, 2])


def test_discrete_actions_are_replaced_with_the_probability_it_says():
    done = explore(gym.spaces.Discrete(4, start=1), [0.0, 0.4], np.full((2000, 2), 3))
    assert (done[:, 0] == 3).all()
    assert (done[:, 1] != 3).mean() == pytest.approx(0.4 * 3 / 4, abs=0.03)
    assert set(np.unique(done[:, 1])) == {1, 2, 3, 4}


def test_other_spaces_are_refused():
    with pytest.raises(ArgumentError, match="needs a Box or a Discrete"):
        Exploration([0.1], 1, gym.spaces.MultiBinary(3), 1)


@pytest.mark.parametrize(
    ("sigmas", "sentence"),
    [([0.1], "1 strengths for 2 episodes"), ([0.1, -0.1], "negative"), ([0.1, np.nan], "finite")],
)
def test_bad_input_gets_one_sentence(sigmas, sentence):
    with pytest.raises(ArgumentError, match=sentence):
        Exploration(sigmas, 2, BOX, 2)
