"""Demonstrations of a game: labels are the expert's own actions, frames are stored once."""

from __future__ import annotations

from functools import partial

import gymnasium as gym
import numpy as np
import pytest
import torch

pytest.importorskip("ale_py")

from lrs_lightning.data import FrameWindows
from lrs_lightning.data.collect import collect
from lrs_lightning.envs import make
from lrs_lightning.envs.atari_games import Preprocessing
from lrs_lightning.experts import build_q_network, load_expert, save_pixel_expert
from lrs_lightning.training.datamodule import ExpertTrajectories

FRAMES = 1600
"""Of an episode: 400 decisions."""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("atari")
    torch.manual_seed(0)
    save_pixel_expert(
        build_q_network("small", 4), folder / "e.safetensors", {"env": "ALE/Breakout-v5"}
    )
    with pytest.MonkeyPatch.context() as patch:  # players without training last for minutes
        short = partial(Preprocessing, max_frames=FRAMES)
        patch.setattr("lrs_lightning.envs.atari.Preprocessing", short)
        return collect("Breakout", folder / "data", folder / "e.safetensors", 3, "0:0.5")


def test_labels_are_what_the_expert_wants_for_what_it_saw(store):
    expert = load_expert(store.manifest["expert"], "Breakout")
    windows = FrameWindows(list(store), length=16, burn_in=0)
    batch = windows[windows.tiles()]
    counted = batch.loss_mask.bool()
    actions, _ = expert.step(batch.observations[counted].numpy())
    # The batch of a collection is smaller: two equal values may fall the other way.
    assert (actions == batch.labels[counted].numpy()).mean() > 0.999
    assert store.task.env == "ALE/Breakout-v5" and "ale-py" in store.manifest["versions"]


def test_executed_actions_are_explored_more_and_more(store):
    explored = [float((e.actions != e.labels).mean()) for e in store]
    assert explored[0] == 0 and 0.1 < explored[1] < explored[2] < 0.6


def test_the_game_played_again_gives_the_same_frames(store):
    seeds, last = store.manifest["seeds"], store[2]
    env = make("Breakout", 1, max_frames=FRAMES)
    observations, _ = env.reset(seed=[seeds[2]])
    frames, rewards = [], []
    for action in last.actions:
        frames.append(observations[0, -1:])
        observations, reward, terminated, truncated, _ = env.step(np.array([action]))
        rewards.append(reward[0])
    env.close()
    np.testing.assert_array_equal(np.asarray(last.observations), np.stack(frames))
    np.testing.assert_array_equal(last.rewards, rewards)
    assert terminated[0] or truncated[0]


def test_the_data_module_hands_on_stacks(store):
    data = ExpertTrajectories(
        "Breakout", str(store.folder), window=8, burn_in=2, batch_size=4, batches=2
    )
    batch = next(iter(data.train_dataloader()))
    assert batch.observations.shape == (4, 8, 4, 84, 84)
    assert batch.observations.dtype == torch.uint8 and batch.labels.shape == (4, 8)
    assert isinstance(data.task.action_space, gym.spaces.Discrete)
    assert [part.item() for part in data.statistics] == [0.0, 1.0]
