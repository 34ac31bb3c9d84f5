"""Other people's policies and environments: their faults stay theirs, and the rest is played."""

from __future__ import annotations

import builtins
import math
import signal
import sys
import threading
import time

import gymnasium as gym
import numpy as np
import pytest

from lrs_lightning.errors import ArgumentError, EnvironmentMismatchError
from lrs_lightning.rollout import rollout

LENGTH = 6


class Line(gym.Env):
    """Earns 1 a step for `LENGTH` steps; does `fault` in the episode of seed 2 at step `at`."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (2,), np.float64)
    action_space = gym.spaces.Box(-1.0, 1.0, (1,), np.float32)

    def __init__(self, fault="", at=3):
        self.fault, self.at = fault, at

    def reset(self, *, seed=None, options=None):
        self.seed, self.t = seed, 0
        return self._see(), {}

    def step(self, action):
        self.t += 1
        return self._see(), 1.0, self.t == LENGTH, False, {}

    def _see(self):
        seen = np.array([self.seed, self.t], np.float64)
        return (
            FAULTS[self.fault](seen) if self.fault and (self.seed, self.t) == (2, self.at) else seen
        )


def raising(seen):
    raise OSError("no\nmotor")


def never(seen):
    while True:
        pass


FAULTS = {
    "raise": raising,
    "exit": lambda seen: sys.exit(0),
    "builtin exit": lambda seen: builtins.exit(),
    "nan": lambda seen: seen * np.nan,
    "infinity": lambda seen: seen + np.inf,
    "another shape": lambda seen: seen[:1],
    "hang": never,
    "sleep": lambda seen: time.sleep(1000),
    "lock": lambda seen: threading.Event().wait(),
}
REASONS = {
    "raise": "OSError: no motor",
    "exit": "SystemExit: 0",
    "builtin exit": "SystemExit: None",
    "nan": "observation",
    "infinity": "is not finite",
    "another shape": "the observation has shape (1,), expected (2,)",
}
HANGS = ("hang", "sleep", "lock")


@pytest.fixture(scope="module", autouse=True)
def lines():
    gym.register("Line-v0", Line)


class Still:
    """Does nothing, and fails as it is told in the call that sees step `at` of seed 2."""

    def __init__(self, fault=None, at=3):
        self.fault, self.at, self.rows = fault, at, []

    def initial_state(self, num_envs):
        self.states = getattr(self, "states", 0) + 1
        return np.zeros((num_envs, 1))

    def step(self, observations, state, starts):
        # What is remembered counts the steps: of a state that is not fresh it would be off.
        state = np.where(starts[:, None], 0.0, state + 1)
        actions = np.zeros((len(observations), 1), np.float32)
        self.rows.append(len(observations))
        if self.fault and (observations == (2, self.at)).all(axis=1).any():
            return self.fault(actions, state, observations)
        return actions, state


def keyed(episodes):
    return {(e.policy, e.seed): e for e in episodes}


def others_are_whole(episodes, failed):
    for key, episode in episodes.items():
        expected = ("failed", 3, 3.0) if key in failed else ("ok", LENGTH, float(LENGTH))
        assert (episode.status, episode.length, episode.return_) == expected, key


def by_nobody(actions, state, observations):
    raise KeyError("no\nidea")


POLICY_FAULTS = {
    "raises": (by_nobody, "failed: KeyError: 'no\\nidea'"),
    "exits": (lambda *_: sys.exit(0), "failed: SystemExit: 0"),
    "exits with text": (lambda *_: sys.exit("all\ndone"), "failed: SystemExit: all done"),
    "more rows": (lambda a, s, o: (np.concatenate([a, a]), s), "gives actions of shape"),
    "one for all": (lambda a, s, o: (a[:1], s), "gives actions of shape (1, 1)"),
    "a number": (lambda a, s, o: (0.5, s), "gives actions of shape ()"),
    "an object": (lambda a, s, o: (object(), s), "name the class itself"),
    "text": (lambda a, s, o: (np.full(a.shape, "left"), s), "gives text, and Line-v0 takes"),
    "no state": (lambda a, s, o: a[0], "failed: ValueError: not enough values"),
    "nothing": (lambda a, s, o: None, "failed: TypeError"),
}


@pytest.mark.parametrize("kind", POLICY_FAULTS)
def test_a_policy_that_fails_in_the_middle_fails_what_it_plays_and_nobody_elses(kind):
    fault, sentence = POLICY_FAULTS[kind]
    bad, good = Still(fault), Still()
    # Four slots for each: the call that fails plays seeds 0 to 3, and 4 to 7 come after it.
    episodes = keyed(
        rollout({"bad": bad, "good": good}, "Line-v0", ["clean"], range(8), num_envs=8)
    )
    assert len(episodes) == 16
    failed = {("bad", seed) for seed in range(4)}
    others_are_whole(episodes, failed)
    for key in failed:
        assert "policy's call of step 3 failed: " in episodes[key].error
        assert sentence in episodes[key].error and "\n" not in episodes[key].error
    assert (bad.states, good.states) == (2, 1), "a new state after the failure, and only then"


def test_a_state_that_is_begun_anew_gives_the_returns_of_a_policy_that_never_failed():
    seen = []

    class Remembering(Still):
        def step(self, observations, state, starts):
            actions, state = super().step(observations, state, starts)
            seen.append((state[:, 0] == observations[:, 1]).all())
            return actions, state

    episodes = keyed(
        rollout({"p": Remembering(by_nobody)}, "Line-v0", ["clean"], range(9), num_envs=3)
    )
    others_are_whole(episodes, {("p", seed) for seed in range(3)})
    assert all(seen)


def test_a_policy_that_always_fails_ends_all_the_same():
    class Hopeless(Still):
        def step(self, observations, state, starts):
            if len(self.rows) == 1:
                raise MemoryError
            return super().step(observations, state, starts)

    episodes = list(rollout({"p": Hopeless()}, "Line-v0", ["clean"], range(9), num_envs=2))
    assert sorted(e.seed for e in episodes) == list(range(9))
    assert {e.status for e in episodes} == {"failed"}
    assert {e.length for e in episodes} == {0, 1}


@pytest.mark.parametrize("fault", [by_nobody, lambda *_: sys.exit(0), lambda a, s, o: None])
def test_a_policy_that_fails_at_its_first_call_is_refused_before_anything_is_played(fault):
    with pytest.raises(EnvironmentMismatchError, match="policy 'p' cannot act on") as caught:
        list(rollout({"p": Still(fault, at=0)}, "Line-v0", ["clean"], range(8)))
    assert "\n" not in str(caught.value)


def test_so_is_one_that_has_no_first_state():
    class Stateless(Still):
        def initial_state(self, num_envs):
            raise ValueError("only 4 at a time")

    with pytest.raises(EnvironmentMismatchError, match="ValueError: only 4 at a time"):
        list(rollout({"p": Stateless()}, "Line-v0", ["clean"], range(8)))


def test_a_row_that_is_not_a_number_fails_that_episode_alone():
    def one_row(actions, state, observations):
        actions[observations[:, 0] == 2] = math.nan
        return actions, state

    episodes = keyed(rollout({"p": Still(one_row)}, "Line-v0", ["clean"], range(4)))
    others_are_whole(episodes, {("p", 2)})


def test_a_labeller_that_fails_fails_what_it_labels():
    episodes = keyed(
        rollout(
            {"p": Still()}, "Line-v0", ["clean"], range(4), num_envs=3,
            record=True, record_states=True, labeller=Still(by_nobody),
        )
    )  # fmt: skip
    others_are_whole(episodes, {("p", seed) for seed in range(3)})
    assert "the labeller's call of step 3 failed" in episodes["p", 2].error


def test_what_was_recorded_until_then_is_kept_and_later_episodes_are_whole():
    arguments = {"num_envs": 3, "record": True, "record_states": True}
    for e in rollout({"p": Still(by_nobody)}, "Line-v0", ["clean"], range(9), **arguments):
        assert len(e.trajectory.actions) == len(e.trajectory.states["h"]) == e.length
        np.testing.assert_array_equal(e.trajectory.states["h"][:, 0], np.arange(e.length))


@pytest.mark.parametrize("fault", REASONS)
def test_an_environment_that_fails_fails_its_own_episode(fault):
    made = {"fault": fault}
    episodes = keyed(
        rollout({"p": Still()}, "Line-v0", ["clean"], range(8), num_envs=4, env_kwargs=made)
    )
    assert len(episodes) == 8
    broken = episodes.pop(("p", 2))
    assert (broken.status, broken.length, broken.return_) == ("failed", 2, 2.0)
    assert REASONS[fault] in broken.error and "\n" not in broken.error
    others_are_whole(episodes, ())


@pytest.mark.parametrize("fault", REASONS)
def test_one_that_fails_as_it_starts_does_too(fault):
    made = {"fault": fault, "at": 0}
    episodes = keyed(
        rollout({"p": Still()}, "Line-v0", ["clean"], range(8), num_envs=4, env_kwargs=made)
    )
    broken = episodes.pop(("p", 2))
    assert (broken.status, broken.length) == ("failed", 0)
    assert REASONS[fault] in broken.error
    others_are_whole(episodes, ())


def test_the_last_observation_of_an_episode_must_be_finite_too():
    made = {"fault": "nan", "at": LENGTH}
    (episode,) = rollout({"p": Still()}, "Line-v0", ["clean"], [2], env_kwargs=made)
    assert (episode.status, episode.length) == ("failed", LENGTH - 1)
    assert episode.error == f"the observation after step {LENGTH - 1} is not finite"


def test_a_policy_never_meets_an_observation_that_is_not_finite():
    """A slot that has failed rests with its last observation, beside others that play on."""

    class Strict(Still):
        def step(self, observations, state, starts):
            assert np.isfinite(observations).all()
            return super().step(observations, state, starts)

    made = {"fault": "nan"}
    episodes = keyed(rollout({"p": Strict()}, "Line-v0", ["clean"], range(4), env_kwargs=made))
    assert [episodes["p", seed].status for seed in range(4)] == ["ok", "ok", "failed", "ok"]


def test_an_environment_that_cannot_be_closed_costs_nothing(monkeypatch, caplog):
    monkeypatch.setattr(Line, "close", lambda self: sys.exit(0), raising=False)
    episodes = keyed(rollout({"p": Still()}, "Line-v0", ["clean"], range(2)))
    others_are_whole(episodes, ())
    assert "environment 0 cannot be closed: SystemExit: 0" in caplog.text


@pytest.fixture
def no_other_alarm():
    """The tests' own time limit uses the alarm as well: it is put back, and must not be missed."""
    before = signal.getsignal(signal.SIGALRM)
    yield
    assert signal.getsignal(signal.SIGALRM) is before


@pytest.mark.parametrize("fault", HANGS)
def test_an_environment_that_hangs_is_ended_by_a_timeout(fault, no_other_alarm):
    made = {"fault": fault}
    episodes = keyed(
        rollout(
            {"p": Still()}, "Line-v0", ["clean"], range(8), num_envs=4, env_kwargs=made, timeout=0.3
        )
    )
    broken = episodes.pop(("p", 2))
    assert (broken.status, broken.length) == ("failed", 2)
    assert broken.error == "TimeoutError: no answer within 0.3 s"
    others_are_whole(episodes, ())


@pytest.mark.parametrize("fault", HANGS)
def test_so_is_a_policy(fault, no_other_alarm):
    def hang(actions, state, observations):
        return FAULTS[fault](observations)

    policies = {"bad": Still(hang), "good": Still()}
    episodes = keyed(rollout(policies, "Line-v0", ["clean"], range(4), timeout=0.3))
    others_are_whole(episodes, {("bad", seed) for seed in range(4)})
    assert "TimeoutError: no answer within 0.3 s" in episodes["bad", 0].error


def test_a_timeout_is_for_one_call_and_changes_no_result():
    plain = keyed(rollout({"p": Still()}, "Line-v0", ["clean"], range(4)))
    assert plain == keyed(rollout({"p": Still()}, "Line-v0", ["clean"], range(4), timeout=60.0))


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan, math.inf])
def test_a_timeout_is_a_positive_number(seconds):
    with pytest.raises(ArgumentError, match="no positive number of seconds"):
        list(rollout({"p": Still()}, "Line-v0", ["clean"], [0], timeout=seconds))


def test_a_timeout_needs_the_main_thread():
    caught = []

    def play():
        try:
            list(rollout({"p": Still()}, "Line-v0", ["clean"], [0], timeout=1.0))
        except ArgumentError as error:
            caught.append(str(error))

    thread = threading.Thread(target=play)
    thread.start()
    thread.join()
    assert "only the main thread" in caught[0]


def test_a_user_who_asks_for_the_end_is_no_failure():
    def end(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(rollout({"p": Still(end)}, "Line-v0", ["clean"], range(4)))
