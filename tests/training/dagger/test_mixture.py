"""Who acts in a round of DAgger, and how much of an episode is kept."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from lrs_lightning.data import Demonstration, Ending
from lrs_lightning.errors import ArgumentError
from lrs_lightning.training.dagger.mixture import Mixture
from lrs_lightning.training.dagger.rounds import cut, steps_kept
from lrs_lightning.training.dagger.section import DAgger


class Counting:
    """Acts by the number of steps it has seen of an episode, plus a constant."""

    def __init__(self, constant):
        self.constant = constant

    def initial_state(self, num_envs):
        return np.zeros(num_envs)

    def step(self, observations, state, starts):
        state = np.where(starts, 0, state) + 1
        return np.stack([state + self.constant] * 2, 1), state


def played(beta, rows, steps=40, seed=0):
    policy = Mixture(Counting(0), Counting(1000), beta, seed)
    state, acted = policy.initial_state(len(rows)), []
    for step in range(steps):
        starts = np.full(len(rows), step == 0)
        actions, state = policy.step(np.array(rows, float)[:, None] + step, state, starts)
        acted.append(actions[:, 0])
    return np.stack(acted)  # (steps, N)


def test_both_remember_every_step_whoever_acts():
    steps = np.arange(1, 41)[:, None]
    np.testing.assert_array_equal(played(0.0, [1, 2]), np.repeat(steps, 2, 1))
    np.testing.assert_array_equal(played(1.0, [1, 2]), np.repeat(steps, 2, 1) + 1000)
    mixed = played(0.5, [1, 2])
    np.testing.assert_array_equal(mixed % 1000, np.repeat(steps, 2, 1))
    assert 0.3 < (mixed > 1000).mean() < 0.7


def test_who_acts_does_not_depend_on_what_plays_beside_it():
    together = played(0.5, [3, 4, 5])
    np.testing.assert_array_equal(together[:, [2]], played(0.5, [5]))
    assert not np.array_equal(together[:, 0], together[:, 1])
    assert not np.array_equal(together, played(0.5, [3, 4, 5], seed=1))


def test_an_episode_is_cut_some_steps_after_its_last_fall():
    episode = SimpleNamespace(length=20, fell_at=12)
    assert steps_kept(episode, 3) == 15 and steps_kept(episode, 50) == 20
    assert steps_kept(SimpleNamespace(length=20, fell_at=None), 3) == 20
    numbers = np.arange(20.0, dtype=np.float32)
    whole = Demonstration(
        numbers[:, None], numbers[:, None], numbers[:, None], numbers, ending=Ending(True, False)
    )
    short = cut(whole, 15)
    assert len(short) == 15 and short.final.item() == 15
    assert short.ending == Ending(False, True)
    assert cut(whole, 20) is whole


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"rounds": 0}, "dagger.rounds is 0, expected at least 1"),
        ({"beta": 1.5}, "dagger.beta is 1.5, expected a share"),
        ({"noise": -1.0}, "dagger.noise"),
    ],
)
def test_what_makes_no_sense(options, sentence):
    with pytest.raises(ArgumentError, match=sentence):
        DAgger(**options).check()


def test_beta_falls_and_rounds_lie_between_epochs():
    section = DAgger(rounds=2, every_n_epochs=2, beta=0.5)
    assert [section.beta_of(i) for i in (1, 2, 3)] == [0.5, 0.25, 0.125]
    assert [section.due(epoch) for epoch in range(7)] == [0, 0, 1, 1, 2, 2, 2]
