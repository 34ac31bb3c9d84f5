from __future__ import annotations

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest

from lrs_lightning.shifts import Condition, ShiftedWorld


@pytest.fixture
def act(worlds):
    """What is executed of `wanted (T, N, ...)`."""

    def through(text, wanted, space):
        context = replace(worlds.sensors(), action_space=space)
        steps, rows = wanted.shape[:2]
        world, slots = ShiftedWorld(Condition(text), context, rows), np.arange(rows)
        world.begin(slots, list(range(rows)), list(range(rows)))
        assert world.acts
        before = wanted.copy()
        done = np.stack([world.act(wanted[t], slots, np.full(rows, t)) for t in range(steps)])
        np.testing.assert_array_equal(wanted, before)
        assert done.dtype == wanted.dtype
        return done

    return through


LIST = gym.spaces.Discrete(6, start=2)


def test_noise_stays_within_bounds_and_scales_with_the_range(act, worlds):
    wanted = np.tile(np.array([0.0, 1.0], np.float32), (300, 6, 1))
    done = act("action_noise@2", wanted, worlds.BOX)
    half = (worlds.BOX.high - worlds.BOX.low) / 2
    np.testing.assert_allclose((done - wanted).std(axis=(0, 1)), 0.2 * half, rtol=0.08)
    wild = act("action_noise@5", wanted, worlds.BOX)
    assert (wild >= worlds.BOX.low).all() and (wild <= worlds.BOX.high).all()


def test_discrete_noise_replaces_the_share_it_says(act):
    wanted = np.full((500, 6), 4)
    done = act("action_noise@5", wanted, LIST)
    assert (done != 4).mean() == pytest.approx(0.5 * 5 / 6, abs=0.04)
    assert set(np.unique(done)) == set(range(2, 8))


def test_gain_scales_about_the_middle(act, worlds):
    wanted = np.tile(np.array([0.8, 3.0], np.float32), (1, 1, 1))
    done = act("action_gain@5", wanted, worlds.BOX)
    np.testing.assert_allclose(done[0, 0], [0.4, 1 + 0.5 * 2], rtol=1e-6)


@pytest.mark.parametrize("severity", range(1, 6))
@pytest.mark.parametrize("discrete", [False, True])
def test_delay_executes_the_past(severity, discrete, act, worlds):
    rng = np.random.default_rng(0)
    if discrete:
        wanted, neutral, space = rng.integers(2, 8, (20, 3)), 2, LIST
    else:
        wanted, neutral, space = rng.random((20, 3, 2), np.float32), [0.0, 1.0], worlds.BOX
    done = act(f"action_delay@{severity}", wanted, space)
    np.testing.assert_array_equal(done[severity:], wanted[:-severity])
    np.testing.assert_array_equal(done[:severity], np.broadcast_to(neutral, done[:severity].shape))


@pytest.mark.parametrize(
    ("severity", "chance"), list(enumerate([0.1, 0.25, 0.4, 0.5, 0.6], start=1))
)
def test_sticky_repeats_what_was_executed(severity, chance, act, worlds):
    wanted = np.random.default_rng(0).random((400, 4, 2), np.float32)
    done = act(f"action_sticky@{severity}", wanted, worlds.BOX)
    np.testing.assert_array_equal(done[0], wanted[0])
    stuck = (done != wanted).all(axis=2)
    np.testing.assert_array_equal(done[1:][stuck[1:]], done[:-1][stuck[1:]])
    assert stuck[1:].mean() == pytest.approx(chance, abs=0.03)
