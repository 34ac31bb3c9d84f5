"""Numbers depend on key, step and stream, and on nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrs_lightning.shifts.draws import Draws, episode_key

STEPS = 700  # several blocks


def series(key, shape=(3,), kind="normal", stream=0, dtype=np.float64):
    draws, row = Draws(1, dtype), np.array([0])
    draws.begin(row, [key])
    return np.stack(
        [draws.per_step(kind, row, np.array([t]), shape, stream)[0] for t in range(STEPS)]
    )


EXPECTED = {k: series(episode_key("seed", k)) for k in range(4)}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, STEPS - 1)), min_size=1, max_size=12))
def test_any_order_of_steps_gives_the_same_numbers(asked):
    draws = Draws(4)
    draws.begin(np.arange(4), [episode_key("seed", k) for k in range(4)])
    for row, t in asked:
        got = draws.per_step("normal", np.array([row]), np.array([t]), (3,), 0)[0]
        np.testing.assert_array_equal(got, EXPECTED[row][t])


def test_a_slot_forgets_its_former_episode(poisoned_empty):
    draws, row = Draws(1), np.array([0])
    for k in (0, 1, 0):
        draws.begin(row, [episode_key("seed", k)])
        got = draws.per_step("normal", row, np.array([2]), (3,), 0)[0]
        np.testing.assert_array_equal(got, EXPECTED[k][2])


@pytest.mark.parametrize("shape", [(), (3,), (50, 60)])
@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_the_laws(kind, shape):
    numbers = series(episode_key("law", kind), shape, kind)
    mean, deviation = {"normal": (0, 1), "uniform": (0.5, 12**-0.5)}[kind]
    slack = 5 * deviation / numbers.size**0.5
    assert numbers.mean() == pytest.approx(mean, abs=slack)
    assert numbers.std() == pytest.approx(deviation, abs=slack)
    flat = numbers.reshape(STEPS, -1)[:, 0]
    assert abs(np.corrcoef(flat[1:], flat[:-1])[0, 1]) < 0.15


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(3,), (50, 60)])
def test_numbers_have_the_precision_asked_for(shape, dtype):
    draws, row = Draws(1, dtype), np.array([0])
    for kind in ("normal", "uniform"):
        assert draws.per_step(kind, row, row, shape, 0).dtype == dtype
        assert draws.per_episode(kind, row, shape, 0).dtype == dtype


def test_streams_kinds_and_keys_are_apart():
    base = EXPECTED[0][:, 0]
    others = [
        series(episode_key("seed", 0), stream=1)[:, 0],
        series(episode_key("seed", 0), kind="uniform")[:, 0],
        EXPECTED[1][:, 0],
        series(episode_key("seed", "00"))[:, 0],
    ]
    for other in others:
        assert abs(np.corrcoef(base, other)[0, 1]) < 0.15


def test_numbers_of_an_episode_stay():
    draws, rows = Draws(2), np.arange(2)
    draws.begin(rows, [episode_key(1), episode_key(2)])
    once = draws.per_episode("uniform", rows, (4,), 0)
    draws.per_step("uniform", rows, np.zeros(2, int), (4,), 0)
    np.testing.assert_array_equal(draws.per_episode("uniform", rows, (4,), 0), once)
    assert not np.array_equal(once[0], once[1])
    assert not np.array_equal(draws.per_step("uniform", rows, np.zeros(2, int), (4,), 0), once)


def test_names_are_kept_apart_in_a_key():
    keys = [
        episode_key(*n) for n in [(1, "mass", 2), (12, "mass", ""), (1, "mass2"), ("1", "mass", 2)]
    ]
    assert len(set(keys[:3])) == 3
    assert keys[0] == keys[3]
