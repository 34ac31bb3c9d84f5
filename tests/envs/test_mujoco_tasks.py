"""Gymnasium is the judge of every task, seed and physics: every bit of every step must agree."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from lrs_lightning.envs import TASKS, describe, make
from lrs_lightning.errors import EnvironmentMismatchError
from lrs_lightning.shifts import Condition, ShiftContext, ShiftedWorld

DYNAMICS = ("gravity", "mass", "friction", "damping", "gear", "wind")


# The swimmer floats without gravity or contact; its world has no joint damping either.
INERT = {"Swimmer-v5": {"gravity", "friction", "damping"}}


def moving(env_id):
    """The shifts that change something in a task."""
    return [shift for shift in DYNAMICS if shift not in INERT.get(env_id, ())]


def shifted(env_id, shift):
    info = describe(env_id)
    context = ShiftContext(dynamics="mujoco", base_model=info.base_model)
    return ShiftedWorld(Condition(shift, 3), context, 1).model()


def lockstep(env_id, seeds, models, steps, scale, expected_envs):
    """Step ours and Gymnasium's side by side; every episode that ends starts anew."""
    ours = make(env_id, len(seeds), models=models)
    low, high = ours.single_action_space.low, ours.single_action_space.high
    rng = np.random.default_rng(0)
    observation, _ = ours.reset(seed=seeds)
    expected = [env.reset(seed=s)[0] for env, s in zip(expected_envs, seeds, strict=True)]
    np.testing.assert_array_equal(observation, expected)
    ends = 0
    for t in range(steps):
        actions = (scale * rng.uniform(low, high, (len(seeds), len(low)))).astype(np.float32)
        got = ours.step(actions)
        want = [env.step(a)[:4] for env, a in zip(expected_envs, actions, strict=True)]
        for name, ours_, theirs in zip(
            ("observation", "reward", "terminated", "truncated"),
            got[:4],
            zip(*want, strict=True),
            strict=True,
        ):
            np.testing.assert_array_equal(ours_, np.array(theirs), f"{name} of step {t}")
        assert got[4] == {}
        over = got[2] | got[3]
        if over.any():
            ends += int(over.sum())
            ours.reset(seed=[t + i for i in range(len(seeds))], options={"reset_mask": over})
            for i in np.flatnonzero(over):
                expected_envs[i].reset(seed=t + int(i))
    ours.close()
    return ends


@pytest.mark.parametrize("env_id", TASKS)
def test_every_bit_of_a_thousand_steps_agrees(env_id):
    seeds = [0, 7, 123456]
    theirs = [gym.make(env_id) for _ in seeds]
    assert lockstep(env_id, seeds, None, 1000, 1.0, theirs) > 0


@pytest.mark.parametrize("env_id", TASKS)
def test_every_bit_of_shifted_physics_agrees(env_id):
    models = [shifted(env_id, shift) for shift in moving(env_id)]
    theirs = [gym.make(env_id) for _ in models]
    for env, model in zip(theirs, models, strict=True):
        # The environment keeps its own data: only its physics is the edited one.
        env.unwrapped.model = model
    lockstep(env_id, [5] * len(models), models, 120, 0.7, theirs)


@pytest.mark.parametrize("env_id", TASKS)
def test_each_shift_moves_the_physics_or_is_refused(env_id):
    for shift in INERT.get(env_id, ()):
        with pytest.raises(EnvironmentMismatchError, match="without any effect"):
            shifted(env_id, shift)
    shifts = moving(env_id)
    models = [describe(env_id).base_model, *(shifted(env_id, shift) for shift in shifts)]
    ours = make(env_id, len(models), models=models)
    ours.reset(seed=[5] * len(models))
    action = np.full(ours.action_space.shape, 0.3, np.float32)
    for _ in range(40):
        observation = ours.step(action)[0]
    for shift, row in zip(shifts, observation[1:], strict=True):
        assert not np.array_equal(row, observation[0]), shift


@pytest.mark.parametrize("env_id", TASKS)
def test_velocity_channels_are_the_joint_velocities(env_id):
    env = gym.make(env_id).unwrapped
    observation, _ = env.reset(seed=0)
    channels = list(describe(env_id).velocity_channels)
    np.testing.assert_array_equal(observation[channels], env.data.qvel)
