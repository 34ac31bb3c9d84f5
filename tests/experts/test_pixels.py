from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch

pytest.importorskip("ale_py")

from lrs_lightning.errors import DataError, EnvironmentMismatchError, UnknownNameError
from lrs_lightning.experts import PixelExpert, build_q_network, load_expert, save_pixel_expert
from lrs_lightning.rollout import rollout

GAME = "ALE/Breakout-v5"


def save(tmp_path, network, **metadata):
    path = tmp_path / "mine.safetensors"
    save_pixel_expert(network, path, {"env": GAME, "encoder": "small", **metadata})
    return path


def test_saved_and_loaded_it_acts_the_same_and_is_small(tmp_path):
    network = build_q_network("small", 4)
    path = save(tmp_path, network)
    expert = load_expert(path, "Breakout")
    frames = torch.randint(0, 256, (32, 4, 84, 84), dtype=torch.uint8)
    np.testing.assert_array_equal(expert.step(frames.numpy())[0], network(frames).argmax(1))
    assert path.stat().st_size < 4_000_000 and not list(tmp_path.glob("*.part"))
    assert expert.card["env"] == GAME


def test_single_frames_give_the_same_actions_as_stacks():
    expert = PixelExpert(build_q_network("small", 4), gym.spaces.Discrete(4))
    episodes = [
        list(rollout({"e": expert}, GAME, ["clean"], [3, 4, 5], env_kwargs=how, record=True))
        for how in ({"stack": 4, "max_frames": 200}, {"stack": 1, "max_frames": 200})
    ]
    for stacked, single in zip(
        *(sorted(e, key=lambda x: x.episode) for e in episodes), strict=True
    ):
        assert stacked.trajectory.observations.shape[1:] == (4, 84, 84)
        assert single.trajectory.observations.shape[1:] == (1, 84, 84)
        np.testing.assert_array_equal(stacked.trajectory.actions, single.trajectory.actions)
        newest = stacked.trajectory.observations[:, 3:]
        np.testing.assert_array_equal(newest, single.trajectory.observations)


def test_a_new_episode_forgets_the_frames_of_the_old(poisoned_empty):
    expert = PixelExpert(build_q_network("small", 4), gym.spaces.Discrete(4))
    frames = np.random.default_rng(0).integers(0, 256, (5, 2, 1, 84, 84), dtype=np.uint8)
    state, starts = expert.initial_state(2), np.array([True, True])
    for t in range(5):
        _, state = expert.step(frames[t], state, starts)
        starts = np.array([t == 2, False])
    np.testing.assert_array_equal(state[0, :2], 0)
    np.testing.assert_array_equal(state[0, 2:], frames[3:, 0, 0])
    np.testing.assert_array_equal(state[1], frames[1:, 1, 0])


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((2, 4, 84, 84), np.float32),
        np.zeros((2, 4, 64, 64), np.uint8),
        np.zeros((2, 3, 84, 84), np.uint8),
        np.zeros((2, 17)),
    ],
)
def test_frames_of_another_kind_are_told(frames):
    expert = PixelExpert(build_q_network("small", 4), gym.spaces.Discrete(4))
    with pytest.raises(EnvironmentMismatchError, match="the expert sees uint8 frames"):
        expert.step(frames)


def test_what_does_not_fit_is_told(tmp_path):
    path = save(tmp_path, build_q_network("small", 4))
    with pytest.raises(EnvironmentMismatchError, match="is an expert for ALE/Breakout-v5"):
        load_expert(path, "Seaquest")
    with pytest.raises(EnvironmentMismatchError, match="has 6 actions and ALE/Breakout-v5 wants 4"):
        load_expert(save(tmp_path, build_q_network("small", 6)), "Breakout")
    path = save(tmp_path, build_q_network("small", 4), encoder="nature")
    with pytest.raises(DataError, match="does not fit the network 'nature'"):
        load_expert(path, "Breakout")
    with pytest.raises(UnknownNameError, match="did you mean 'small'"):
        load_expert(save(tmp_path, build_q_network("small", 4), encoder="smal"), "Breakout")
    network = build_q_network("small", 4)
    network.head.bias.data[0] = float("nan")
    with pytest.raises(DataError, match="NaN or infinity"):
        load_expert(save(tmp_path, network), "Breakout")
