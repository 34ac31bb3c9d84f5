"""One call of a policy: what it is asked, what is taken of the answer, and what a failure says."""

from __future__ import annotations

import numpy as np
import pytest

from lrs_lightning.errors import ArgumentError, EnvironmentMismatchError
from lrs_lightning.rollout.player import Player

SEEN = np.arange(8.0).reshape(4, 2)


class Slots:
    """Four running slots; two begin."""

    starts = np.array([True, True, False, False])
    running = np.ones(4, bool)
    seeds = np.arange(4) + 70


class Counting:
    """The action is the number of calls since the state was made; raises what it is told to."""

    def __init__(self):
        self.asked, self.fault, self.states = [], None, 0

    def initial_state(self, num_envs):
        self.states += 1
        return np.zeros(num_envs)

    def step(self, observations, state, starts):
        if self.fault:
            raise self.fault
        self.asked.append((observations, starts))
        state = state + 1
        return state[:, None], state


@pytest.fixture
def policy():
    return Counting()


def step(player, clean=None):
    """Its decisions among four slots of one action each, and why there are none."""
    decided = np.full((4, 1), -1.0)
    reason = player.step(SEEN, Slots, decided, "Ant-v5", clean)
    return decided.ravel().tolist(), reason


def test_it_is_asked_about_its_slots_and_writes_into_them_alone(policy):
    player = Player("one", policy, slice(1, 3))
    assert step(player) == ([-1, 1, 1, -1], None)
    assert step(player) == ([-1, 2, 2, -1], None)
    observations, starts = policy.asked[0]
    np.testing.assert_array_equal(observations, SEEN[1:3])
    np.testing.assert_array_equal(starts, [True, False])
    assert policy.states == 1 and player.arrays is None


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (KeyError("no\nidea"), "KeyError: 'no\\nidea'"),
        (SystemExit(3), "SystemExit: 3"),
        (ArgumentError("give it eyes"), "give it eyes"),
    ],
)
def test_a_failure_costs_the_step_and_the_state(policy, fault, reason):
    player = Player("one", policy, slice(1, 3))
    step(player)
    step(player)
    policy.fault = fault
    assert step(player) == ([-1, 0, 0, -1], reason)
    policy.fault = None
    assert step(player) == ([-1, 1, 1, -1], None)
    assert policy.states == 2


def test_a_failure_at_the_first_call_is_raised(policy):
    policy.fault = KeyError("no idea")
    sentence = r"policy 'one' cannot act on observations of shape \(2, 2\): KeyError: 'no idea'"
    with pytest.raises(EnvironmentMismatchError, match=sentence):
        step(Player("one", policy, slice(1, 3)))
    policy.fault = ArgumentError("give it eyes")
    with pytest.raises(ArgumentError, match="^give it eyes$"):
        step(Player("one", policy, slice(1, 3)))


def test_states_are_kept_where_they_are_asked_for(policy):
    player = Player("one", policy, slice(1, 3), record_states=True)
    step(player)
    before = player.arrays
    step(player)
    assert list(before) == ["h"]
    np.testing.assert_array_equal(before["h"], [1, 1])
    np.testing.assert_array_equal(player.arrays["h"], [2, 2])


def test_clean_sensors_are_shown_first_to_whom_asks_for_them(policy):
    shown = []
    policy.observe_clean = lambda clean: shown.append((len(policy.asked), clean))
    player = Player("one", policy, slice(1, 3))
    step(player, SEEN + 10)
    ((calls, clean),) = shown
    assert calls == 0
    np.testing.assert_array_equal(clean, SEEN[1:3] + 10)
    step(player)
    assert len(shown) == 1
