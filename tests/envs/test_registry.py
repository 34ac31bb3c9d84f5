from __future__ import annotations

from collections.abc import Mapping

import gymnasium as gym
import mujoco
import pytest

from lrs_lightning.envs import describe, make
from lrs_lightning.errors import LrsError, UnknownNameError


@pytest.mark.parametrize(
    ("env_id", "domain", "observation", "velocities", "horizon"),
    [
        ("HalfCheetah-v5", "mujoco", 17, range(8, 17), 1000),
        ("Hopper-v5", "mujoco", 11, range(5, 11), 1000),
        ("Ant-v5", "mujoco", 105, range(13, 27), 1000),
        ("Humanoid-v5", "mujoco", 348, range(22, 45), 1000),
        ("Reacher-v5", "mujoco", 10, None, 50),
        ("CartPole-v1", "other", 4, (), 500),
    ],
)
def test_what_is_known_of_an_environment(env_id, domain, observation, velocities, horizon):
    info = describe(env_id)
    assert (info.env_id, info.domain, info.max_episode_steps) == (env_id, domain, horizon)
    assert info.observation_space.shape == (observation,)
    physics = {"mujoco": mujoco.MjModel, "other": Mapping}[domain]
    assert isinstance(info.base_model, physics)
    if velocities is not None:
        assert info.velocity_channels == tuple(velocities)


def test_arguments_change_what_is_known():
    whole = describe("HalfCheetah-v5", exclude_current_positions_from_observation=False)
    assert whole.observation_space.shape == (18,)
    assert describe("HalfCheetah-v5").observation_space.shape == (17,)


def test_an_id_that_is_registered_anew_is_built_anew():
    entry = gym.spec("CartPole-v1").entry_point
    for horizon in (7, 9):
        gym.registry.pop("Again-v0", None)
        gym.register("Again-v0", entry, max_episode_steps=horizon)
        assert describe("Again-v0").max_episode_steps == horizon


def test_the_physics_shared_by_all_is_the_one_described():
    assert make("HalfCheetah-v5", 2).base_model is describe("HalfCheetah-v5").base_model


@pytest.mark.parametrize(
    ("env_id", "kind", "sentence"),
    [
        ("Hoper-v5", UnknownNameError, "did you mean 'Hopper-v5'"),
        ("Nothing", UnknownNameError, "There is .*HalfCheetah-v5"),
        ("nowhere:Some-v0", LrsError, "cannot be built: ModuleNotFoundError: .*nowhere"),
        ("gymnasium:Hoper-v5", UnknownNameError, "did you mean 'Hopper-v5'"),
        ("gymnasium:Hopper-v99", UnknownNameError, "did you mean 'Hopper-v5'"),
    ],
)
def test_unknown_environments_get_one_sentence(env_id, kind, sentence):
    with pytest.raises(kind, match=sentence) as caught:
        describe(env_id)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
