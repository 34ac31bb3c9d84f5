"""Policies that are always called with the same number of rows."""

from __future__ import annotations

import numpy as np
import pytest

from lrs_lightning.errors import ArgumentError
from lrs_lightning.rollout.blocks import FRAME_ROWS, VECTOR_ROWS, Blocks, Rows


class Summing:
    """Adds up what it sees, and notes with how many rows it was called."""

    rows_apart = False

    def __init__(self):
        self.sizes, self.seeds = [], []

    def initial_state(self, num_envs):
        return np.zeros((num_envs, 1))

    def step(self, observations, state, starts):
        self.sizes.append(len(observations))
        flat = observations.reshape(len(observations), -1)
        state = np.where(starts[:, None], 0, state) + flat[:, :1]
        return state.copy(), state

    def observe_seeds(self, seeds):
        self.seeds.append(seeds)


def rows(count, shape=(3,), value=1.0, starts=False):
    seen = np.full((count, *shape), value) * (1 + np.arange(count)).reshape(-1, *(1,) * len(shape))
    return Rows(seen, np.full(count, starts), 100 + np.arange(count))


@pytest.mark.parametrize("count", [1, 63, 64, 65, 130])
def test_every_call_has_a_whole_block_and_every_row_its_own_state(count):
    policy = Summing()
    calls = Blocks(policy, rows(count).seen)
    for step in range(1, 4):
        actions = calls.step(rows(count), np.ones(count, bool))
        np.testing.assert_array_equal(actions[:, 0], step * (1 + np.arange(count)))
    assert set(policy.sizes) == {VECTOR_ROWS}
    np.testing.assert_array_equal(calls.arrays("p")["h"], actions)
    assert policy.seeds == []


def test_pictures_come_in_small_blocks_and_a_policy_may_have_its_own():
    policy = Summing()
    Blocks(policy, rows(3, (4, 8, 8)).seen).step(rows(3, (4, 8, 8)), np.ones(3, bool))
    policy.block = 2
    Blocks(policy, rows(3).seen).step(rows(3), np.ones(3, bool))
    policy.rows_apart = True
    Blocks(policy, rows(3).seen).step(rows(3), np.ones(3, bool))
    assert policy.sizes == [FRAME_ROWS, 2, 2, 3]


def test_a_block_in_which_nothing_runs_is_not_asked():
    policy, running = Summing(), np.ones(130, bool)
    running[:64] = False
    calls = Blocks(policy, rows(130).seen)
    actions = calls.step(rows(130), running)
    assert len(policy.sizes) == 2
    np.testing.assert_array_equal(actions[:, 0], np.where(running, 1 + np.arange(130), 0))


def test_seeds_are_shown_where_an_episode_begins_a_row_for_each_of_the_call():
    policy = Summing()
    Blocks(policy, rows(65).seen).step(rows(65, starts=True), np.ones(65, bool))
    np.testing.assert_array_equal(policy.seeds[0], 100 + np.arange(64))
    np.testing.assert_array_equal(policy.seeds[1], [164, *[0] * 63])


def test_a_state_without_a_row_for_each_environment_is_refused():
    policy = Summing()
    policy.state_arrays = lambda state: {"h": state[:1]}
    calls = Blocks(policy, rows(2).seen)
    with pytest.raises(ArgumentError, match="a row for each of 64"):
        calls.arrays("p")
