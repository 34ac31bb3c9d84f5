"""Whatever a vector environment does wrong is a sentence for a slot, and the others go on."""

from __future__ import annotations

from collections import deque
from contextlib import nullcontext

import gymnasium as gym
import numpy as np
import pytest

from lrs_lightning.errors import DataError
from lrs_lightning.rollout.guarded_env import GuardedEnv
from lrs_lightning.rollout.jobs import Job
from lrs_lightning.rollout.slots import Slots

NAN = np.nan


class Env:
    """Hands out what it is told to, or raises it."""

    num_envs = 3
    single_observation_space = gym.spaces.Box(-9, 9, (2,), np.float32)

    def __init__(self):
        self.observations = np.arange(6, dtype=np.float32).reshape(3, 2)
        self.rewards = np.array([1.0, 2.0, 3.0])
        self.infos, self.fault, self.asked = {}, None, []

    def reset(self, seed, options):
        self.asked.append((seed, options))
        return self._answer(self.observations, self.infos)

    def step(self, actions):
        ended, cut = np.array([True, False, False]), np.array([False, True, False])
        return self._answer(self.observations, self.rewards, ended, cut, self.infos)

    def set_models(self, models):
        self.asked.append(models)

    def close(self):
        self.asked.append("close")

    def _answer(self, *parts):
        if self.fault:
            raise self.fault
        return parts


@pytest.fixture
def env():
    return Env()


@pytest.fixture
def slots():
    """Slots 0 and 2 play their fifth step; slot 1 rests."""
    made = Slots({"p": deque(Job("p", 0, k, k) for k in range(3))}, {"p": 3})
    made.take(np.array([0, 2]))
    made.times[:] = 4
    return made


@pytest.fixture
def guarded(env, slots):
    return GuardedEnv(env, slots, nullcontext())


def errors_of(*sentences):
    """What an environment's infos say: rows of the sentences that are not empty."""
    told = np.array([bool(s) for s in sentences])
    return {"error": np.array(sentences, object), "_error": told}


def test_what_is_well_passes_through(env, guarded):
    stepped = guarded.step(np.zeros(3))
    assert stepped.observations is env.observations and stepped.rewards is env.rewards
    assert stepped.over.tolist() == [True, True, False]
    assert stepped.terminated.tolist() == [True, False, False]
    assert stepped.errors == {}
    guarded.set_models({1: "heavy"})
    guarded.close()
    assert env.asked == [{1: "heavy"}, "close"]


def test_a_reset_asks_for_its_slots_alone(env, guarded):
    observations, errors = guarded.reset({2: 7, 0: 5}, None)
    assert observations is env.observations and errors == {}
    guarded.reset({1: 9}, {1: "heavy"})
    (seeds, options), (_, with_models) = env.asked
    assert seeds == [5, None, 7]
    assert options.keys() == {"reset_mask"}
    assert options["reset_mask"].tolist() == [True, False, True]
    assert with_models["models"] == {1: "heavy"}


def test_an_environment_that_raises_fails_all_that_run_and_shows_what_it_showed(env, guarded):
    first, _ = guarded.reset({0: 5}, None)
    env.fault = OSError("no\nmotor")
    stepped = guarded.step(np.zeros(3))
    assert stepped.observations is first
    assert stepped.rewards.tolist() == [0, 0, 0]
    assert not stepped.over.any() and not stepped.terminated.any()
    assert stepped.errors == {0: "OSError: no motor", 2: "OSError: no motor"}
    observations, errors = guarded.reset({1: 9}, None)
    assert observations is first and errors == {1: "OSError: no motor"}


def test_one_that_raises_from_the_first_shows_zeros(env, guarded):
    env.fault = OSError("no motor")
    observations, _ = guarded.reset({0: 5}, None)
    assert observations.dtype == np.float32
    np.testing.assert_array_equal(observations, np.zeros((3, 2)))
    np.testing.assert_array_equal(guarded.step(np.zeros(3)).observations, np.zeros((3, 2)))


def test_errors_that_are_our_own_are_nobodys_episode(env, guarded):
    env.fault = DataError("the model is damaged")
    with pytest.raises(DataError):
        guarded.step(np.zeros(3))
    with pytest.raises(DataError):
        guarded.reset({0: 1}, None)


def test_what_it_says_of_a_slot_is_kept_where_that_runs(env, guarded):
    env.infos = errors_of("", "resting", "broken")
    assert guarded.step(np.zeros(3)).errors == {2: "broken"}
    assert guarded.reset({1: 4, 0: 3}, None)[1] == {1: "resting"}


@pytest.mark.parametrize("value", [NAN, np.inf, -np.inf])
def test_numbers_that_are_not_finite_fail_their_slot_and_are_not_handed_on(value, env, guarded):
    env.observations[0, 1] = env.observations[1, 0] = value
    stepped = guarded.step(np.zeros(3))
    assert stepped.errors == {0: "the observation after step 4 is not finite"}
    np.testing.assert_array_equal(stepped.observations, [[0, 0], [0, 0], [4, 5]])
    assert not np.isfinite(env.observations[0, 1]), "the environment's own array was written to"
    observations, errors = guarded.reset({1: 3, 2: 3}, None)
    assert errors == {1: "the first observation is not finite"}
    np.testing.assert_array_equal(observations, [[0, 0], [0, 0], [4, 5]])


def test_so_do_rewards(env, guarded):
    env.rewards[:] = [1.0, NAN, NAN]
    assert guarded.step(np.zeros(3)).errors == {2: "the reward of step 4 is not finite"}


def test_the_first_reason_counts(env, guarded):
    env.observations[:], env.rewards[:] = NAN, NAN
    assert guarded.step(np.zeros(3)).errors[0] == "the reward of step 4 is not finite"
    env.infos = errors_of("broken", "", "")
    assert guarded.step(np.zeros(3)).errors[0] == "broken"
    assert guarded.reset({0: 1}, None)[1] == {0: "broken"}


def test_bytes_are_always_finite(slots):
    env = Env()
    env.observations = np.full((3, 2), 255, np.uint8)
    assert GuardedEnv(env, slots, nullcontext()).step(np.zeros(3)).errors == {}


def test_every_call_runs_within_the_limit(env, slots):
    class Limit:
        entered = 0

        def __enter__(self):
            self.entered += 1

        def __exit__(self, *error):
            pass

    limit = Limit()
    guarded = GuardedEnv(env, slots, limit)
    guarded.reset({0: 1}, None)
    guarded.step(np.zeros(3))
    assert limit.entered == 2
