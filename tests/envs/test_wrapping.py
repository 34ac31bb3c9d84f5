"""Wrappers by name: what is seen and done is that of Gymnasium's own, and what is refused."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from lrs_lightning.envs import describe, make
from lrs_lightning.envs.wrapping import NAMES
from lrs_lightning.errors import ArgumentError, LrsError, UnknownNameError


def test_episodes_are_those_of_gymnasium_with_the_same_around():
    around = "TimeAwareObservation+FrameStackObservation(stack_size=2)"
    text = f"CartPole-v1(sutton_barto_reward=true)+{around}"
    env = gym.make("CartPole-v1", sutton_barto_reward=True)
    env = gym.wrappers.FrameStackObservation(gym.wrappers.TimeAwareObservation(env), 2)
    ours = make(text, 2)
    seen, _ = ours.reset(seed=[5, 7])
    own, _ = env.reset(seed=7)
    np.testing.assert_array_equal(seen[1], own.reshape(-1))
    for _ in range(6):
        seen, rewards, *_ = ours.step(np.ones(2, np.int64))
        own, reward, *_ = env.step(1)
        np.testing.assert_array_equal(seen[1], own.reshape(-1))
        assert rewards[1] == reward
    ours.close()


def test_a_mujoco_task_of_ours_leaves_its_fast_path_and_keeps_its_numbers():
    plain, wrapped = make("Hopper-v5", 1), make("Hopper-v5+TimeAwareObservation", 1)
    seen, _ = plain.reset(seed=[3])
    more, _ = wrapped.reset(seed=[3])
    np.testing.assert_array_equal(more[:, :11], seen)
    for _ in range(3):
        seen, reward, *_ = plain.step(np.full((1, 3), 0.3, np.float32))
        more, same, *_ = wrapped.step(np.full((1, 3), 0.3, np.float32))
    np.testing.assert_array_equal(more[:, :11], seen)
    assert reward == same and describe("Hopper-v5+TimeAwareObservation").velocity_channels == ()


def test_limits_and_the_length_of_a_step_follow_the_wrappers():
    assert describe("CartPole-v1+TimeLimit(max_episode_steps=7)").max_episode_steps == 7
    assert describe("CartPole-v1(max_episode_steps=9)").max_episode_steps == 9
    once = describe("Hopper-v5").step_seconds
    assert describe("Hopper-v5+RepeatAction(num_repeats=3)").step_seconds == pytest.approx(3 * once)


def test_every_name_is_a_wrapper_of_gymnasium():
    assert [name for name in NAMES if not hasattr(gym.wrappers, name)] == []


@pytest.mark.parametrize(
    ("text", "kind", "sentence"),
    [
        ("CartPole-v1+TimeAwareObservations", UnknownNameError, "did you mean 'TimeAwareObs"),
        ("CartPole-v1+NormalizeObservation", ArgumentError, "run on from episode to episode"),
        ("CartPole-v1+TransformReward", ArgumentError, "takes a function.*module:Class"),
        ("CartPole-v1+RecordVideo", UnknownNameError, "unknown wrapper"),
        (
            "CartPole-v1+RescaleAction(min_action=-1,max_action=1)",
            LrsError,
            "TypeError.*requires a Box",
        ),
        ("CartPole-v1+TimeLimit(steps=1)", LrsError, "'TimeLimit' cannot be put.*TypeError"),
        ("Seaquest+TimeLimit(max_episode_steps=1)", ArgumentError, "takes no wrappers.*sticky"),
        ("Seaquest(stickiness=1)", ArgumentError, "choose among sticky"),
    ],
)
def test_what_does_not_fit_gets_one_sentence(text, kind, sentence):
    with pytest.raises(kind, match=sentence):
        describe(text)
