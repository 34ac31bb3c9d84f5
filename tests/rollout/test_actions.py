"""What is executed: within bounds, of the kind the environment takes, from wherever it starts."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from lrs_lightning.envs import describe
from lrs_lightning.errors import EnvironmentMismatchError
from lrs_lightning.rollout import RandomPolicy, rollout

LOW, HIGH = np.array([-1, 2], np.float32), np.array([1, 6], np.float32)


class Echo(gym.Env):
    """Shows the action that it was given, and earns its first number."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (2,), np.float64)

    def __init__(self, space: gym.Space) -> None:
        self.action_space = space

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(2), {}

    def step(self, action):
        if not self.action_space.contains(action):
            raise ValueError(f"{action} is none of {self.action_space}")
        shown = np.resize(np.asarray(action, np.float64), 2)
        return shown, float(shown[0]), False, False, {}


@pytest.fixture(scope="module", autouse=True)
def echoes():
    for name, space in (
        ("Box", gym.spaces.Box(LOW, HIGH)),
        ("List", gym.spaces.Discrete(3, start=2)),
    ):
        gym.register(f"Echo{name}-v0", Echo, max_episode_steps=6, kwargs={"space": space})


class Fixed:
    """Does the same at every step."""

    def __init__(self, action) -> None:
        self.action = np.asarray(action)

    def initial_state(self, num_envs):
        return None

    def step(self, observations, state, starts):
        return np.repeat(self.action[None], len(starts), axis=0), None


def trajectory(env_id, policy, condition="clean", **more):
    (episode,) = rollout({"p": policy}, env_id, [condition], [0], record=True, **more)
    assert episode.status == "ok", episode.error
    assert episode.length == 6
    return episode.trajectory


@pytest.mark.parametrize(
    ("wanted", "executed"),
    [([5.0, -9.0], [1, 2]), ([-np.float32(1e30), 7.0], [-1, 6]), ([0.5, 3.0], [0.5, 3])],
)
def test_actions_are_clipped_to_an_asymmetric_box(wanted, executed):
    steps = trajectory("EchoBox-v0", Fixed(np.array(wanted, np.float32)))
    np.testing.assert_array_equal(steps.actions, np.tile(executed, (6, 1)))
    np.testing.assert_array_equal(steps.wanted, np.tile(np.array(wanted, np.float32), (6, 1)))
    np.testing.assert_array_equal(steps.observations[1:], steps.actions[:-1])
    np.testing.assert_array_equal(steps.rewards, np.full(6, executed[0]))


@pytest.mark.parametrize("condition", ["action_noise@5", "action_noise@5+action_delay@2"])
def test_shifted_and_explored_actions_stay_within_it(condition):
    for more in ({}, {"exploration": [3.0]}):
        steps = trajectory("EchoBox-v0", Fixed(HIGH), condition, **more)
        assert (steps.actions >= LOW).all()
        assert (steps.actions <= HIGH).all()
        assert len(np.unique(steps.actions)) > 3


def test_a_late_action_waits_in_the_middle_of_the_box():
    steps = trajectory("EchoBox-v0", Fixed(HIGH), "action_delay@2")
    np.testing.assert_array_equal(steps.actions[:2], [[0, 4], [0, 4]])
    np.testing.assert_array_equal(steps.actions[2:], np.tile(HIGH, (4, 1)))


def test_discrete_actions_may_begin_anywhere():
    assert set(trajectory("EchoList-v0", Fixed(4)).actions) == {4}
    late = trajectory("EchoList-v0", Fixed(4), "action_delay@2").actions.tolist()
    assert late == [2, 2, 4, 4, 4, 4]
    seen = set()
    for seed in range(20):
        policy = RandomPolicy(describe("EchoList-v0").action_space, seed)
        for condition in ("clean", "action_noise@5"):
            steps = trajectory("EchoList-v0", policy, condition, exploration=[0.5])
            seen |= set(steps.actions.tolist())
    assert seen == {2, 3, 4}


@pytest.mark.parametrize("action", [np.float32(4.0), np.float64(2.7), [0.0, 1.0, 0.0]])
def test_scores_or_floats_are_no_discrete_actions(action):
    with pytest.raises(
        EnvironmentMismatchError, match=r"type float.* takes whole numbers"
    ) as error:
        trajectory("EchoList-v0", Fixed(action))
    assert "\n" not in str(error.value)


def test_a_policy_of_a_list_that_begins_elsewhere_is_refused():
    policy = RandomPolicy(gym.spaces.Discrete(3))
    with pytest.raises(EnvironmentMismatchError, match="choose a policy of this task"):
        trajectory("EchoList-v0", policy)
