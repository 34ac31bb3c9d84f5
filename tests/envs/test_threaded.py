"""The path for every other environment: Gymnasium's own objects must not notice each other."""

from __future__ import annotations

from collections import deque

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.mujoco.inverted_pendulum_v5 import InvertedPendulumEnv

from lrs_lightning.envs import MujocoVectorEnv, ThreadedVectorEnv, describe, make
from lrs_lightning.errors import ArgumentError, LrsError
from lrs_lightning.shifts import Condition, ShiftContext, ShiftedWorld


class Moody(InvertedPendulumEnv):
    """Has all that a careless copy would share: lists, arrays, a random state, new attributes."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.past, self.total = deque(maxlen=3), np.zeros(1)

    def reset_model(self):
        self.past.clear()
        self.total[:] = 0
        return super().reset_model()

    def step(self, action):
        observation, reward, terminated, truncated, info = super().step(action)
        self.past.append(float(observation[0]))
        self.total += observation[1]
        self.steps = getattr(self, "steps", 0) + 1
        noise = self.np_random.normal()
        reward = reward + noise + self.total[0] + sum(self.past) + self.steps
        return observation, float(reward), terminated, truncated, info


class Bare(gym.Env):
    """Holds no number, so that there is nothing to edit."""

    observation_space = gym.spaces.Box(-1, 1, (1,), np.float64)
    action_space = gym.spaces.Discrete(2)


class Silent(Bare):
    """Cannot be built, and says no word about it."""

    def __init__(self):
        raise NotImplementedError


@pytest.fixture(scope="module", autouse=True)
def registered():
    gym.register("Moody-v0", Moody, max_episode_steps=30)
    gym.register("Bare-v0", Bare)
    gym.register("Silent-v0", Silent)


CASES = [
    ("Reacher-v5", {}),
    ("Pusher-v5", {}),
    ("InvertedPendulum-v5", {}),
    ("InvertedDoublePendulum-v5", {}),
    ("HumanoidStandup-v5", {}),
    ("Ant-v5", {"include_cfrc_ext_in_observation": False}),
    ("HalfCheetah-v5", {"exclude_current_positions_from_observation": False}),
    ("Moody-v0", {}),
    ("CartPole-v1", {}),
    ("Pendulum-v1", {}),
]


@pytest.mark.parametrize(("env_id", "kwargs"), CASES)
def test_every_bit_agrees_with_gymnasium(env_id, kwargs):
    ours = make(env_id, 3, threads=2, **kwargs)
    assert isinstance(ours, ThreadedVectorEnv)
    theirs = [gym.make(env_id, **kwargs) for _ in range(3)]
    observation, _ = ours.reset(seed=[3, 4, 5])
    np.testing.assert_array_equal(
        observation, [env.reset(seed=3 + i)[0] for i, env in enumerate(theirs)]
    )
    ours.single_action_space.seed(0)
    for t in range(120):
        actions = np.array([ours.single_action_space.sample() for _ in range(3)])
        got = ours.step(actions)
        want = [env.step(action)[:4] for env, action in zip(theirs, actions, strict=True)]
        for mine, other in zip(got[:4], zip(*want, strict=True), strict=True):
            np.testing.assert_array_equal(mine, np.array(other))
        over = got[2] | got[3]
        if over.any():
            seeds = [None if i == 1 else t + i for i in range(3)]  # row 1 goes on with its own
            again, _ = ours.reset(seed=seeds, options={"reset_mask": over})
            for i in np.flatnonzero(over):
                np.testing.assert_array_equal(again[i], theirs[i].reset(seed=seeds[i])[0])
    ours.close()


@pytest.mark.parametrize("shift", ["gravity", "mass", "gear"])
def test_shifted_physics_agrees(shift):
    base = describe("InvertedPendulum-v5").base_model
    context = ShiftContext(dynamics="mujoco", base_model=base)
    model = ShiftedWorld(Condition(shift, 5), context, 1).model()
    ours = make("InvertedPendulum-v5", 2, models=[base, model])
    theirs = gym.make("InvertedPendulum-v5")
    theirs.unwrapped.model = model
    ours.reset(seed=[1, 1])
    theirs.reset(seed=1)
    for _ in range(5):
        seen, _, terminated, *_ = ours.step(np.full((2, 1), 0.1, np.float32))
        np.testing.assert_array_equal(seen[1], theirs.step(np.full(1, 0.1, np.float32))[0])
        assert not terminated.any()
    assert not np.array_equal(seen[0], seen[1])


def test_the_path_is_chosen_by_class_and_arguments():
    gym.register("CheetahAgain-v0", gym.spec("HalfCheetah-v5").entry_point, max_episode_steps=7)
    assert isinstance(make("HalfCheetah-v5", 1), MujocoVectorEnv)
    again = make("CheetahAgain-v0", 1)
    assert isinstance(again, MujocoVectorEnv)
    assert again.task.max_episode_steps == 7
    assert isinstance(make("HalfCheetah-v5", 1, ctrl_cost_weight=0.2), ThreadedVectorEnv)


@pytest.mark.parametrize(
    ("build", "kind", "sentence"),
    [
        (lambda: make("Bare-v0", 1, models=[None]), ArgumentError, "cannot be edited"),
        (lambda: make("CartPole-v1", 2, models=[None]), ArgumentError, "1 models for 2"),
        (lambda: make("Bare-v0", 2).set_models({0: 1}), ArgumentError, "cannot be edited"),
        (
            lambda: make("CartPole-v1", 2).set_models({0: {"gravitation": 1.0}}),
            ArgumentError,
            "no number 'gravitation'; there is force_mag, gravity",
        ),
        (lambda: make("Silent-v0", 1), LrsError, "cannot be built: NotImplementedError"),
        (lambda: make("CartPole-v1", 1, wheels=3), LrsError, "cannot be built: .*wheels"),
    ],
)
def test_bad_input_gets_one_sentence(build, kind, sentence):
    with pytest.raises(kind, match=sentence) as caught:
        build()
    assert "\n" not in str(caught.value)
