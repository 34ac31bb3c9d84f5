"""The encoder of vectors, by hand: what is seen, how it is scaled, what is refused."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch

from lrs_lightning.errors import ArgumentError, EnvironmentMismatchError
from lrs_lightning.nn import VectorEncoder, encoders

SPACE = gym.spaces.Box(-1, 1, (4,))
MEAN, STD = np.array([1.0, -2.0, 0.5, 0.0]), np.array([2.0, 0.5, 0.0, 1e-9])
ONE_WHERE_CONSTANT = [2.0, 0.5, 1.0, 1.0]


@pytest.mark.parametrize("channels", [None, [0], [3, 1]])
def test_features_are_those_of_the_seen_and_normalised_channels(channels):
    encoder = VectorEncoder(SPACE, 6, channels)
    encoder.set_statistics(MEAN, STD)
    x = torch.randn(2, 5, 4)
    scaled = (x - torch.tensor(MEAN)) / torch.tensor(ONE_WHERE_CONSTANT)
    seen = scaled[..., channels or [0, 1, 2, 3]].float()
    assert encoder.dense.in_features == seen.shape[-1]
    torch.testing.assert_close(encoder(x), torch.relu(encoder.dense(seen)))
    torch.testing.assert_close(encoder(x.double()), encoder(x))


def test_a_deviation_above_a_hundred_millionth_is_one():
    encoder = VectorEncoder(SPACE, 6).double()
    encoder.set_statistics(np.zeros(4), [1e-8, 1.001e-8, -1.0, 3.0])
    assert encoder.std.tolist() == [1.0, 1.001e-8, 1.0, 3.0]


def test_statistics_are_saved_and_channels_are_not():
    encoder = VectorEncoder(SPACE, 6, [3, 1])
    assert encoder.mean.tolist() == [0] * 4 and encoder.std.tolist() == [1] * 4
    encoder.set_statistics(MEAN, STD)
    assert set(encoder.state_dict()) == {"mean", "std", "dense.weight", "dense.bias"}
    assert encoder.std.tolist() == ONE_WHERE_CONSTANT
    before = encoder.dense.weight.clone()
    encoder.seen.zero_()
    encoder.reset_parameters()
    assert encoder.seen.tolist() == [3, 1]
    assert encoder.mean.tolist() == [0] * 4 and encoder.std.tolist() == [1] * 4
    assert not torch.equal(encoder.dense.weight, before)


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        (np.zeros(3), np.ones(4), r"mean has shape \(3,\), expected \(4,\) finite numbers"),
        (np.zeros(4), np.ones((4, 1)), r"std has shape \(4, 1\), expected \(4,\)"),
        (np.array([0, 0, np.nan, 0]), np.ones(4), "mean has shape"),
        (np.zeros(4), np.array([1, 1, 1, np.inf]), "std has shape"),
    ],
)
def test_statistics_are_one_finite_number_for_each_channel(mean, std, message):
    with pytest.raises(ArgumentError, match=message):
        VectorEncoder(SPACE, 6).set_statistics(mean, std)


@pytest.mark.parametrize("channels", [[], [4], [-1], [1, 1]])
def test_channels_are_different_and_there(channels):
    with pytest.raises(ArgumentError, match="give different numbers from 0 to 3, at least one"):
        VectorEncoder(SPACE, 6, channels)


def test_other_observations_are_told():
    with pytest.raises(ArgumentError, match="it needs a Box with one axis"):
        VectorEncoder(gym.spaces.Box(-1, 1, (4, 2)), 6)
    with pytest.raises(ArgumentError, match="it needs a Box with one axis"):
        VectorEncoder(gym.spaces.Discrete(4), 6)
    with pytest.raises(EnvironmentMismatchError, match=r"made for observations of shape \(4,\)"):
        VectorEncoder(SPACE, 6)(torch.zeros(2, 5))


def test_options_reach_the_encoder():
    encoder = encoders.Vector(features=6, channels=[2]).build(SPACE)
    assert (encoder.features, encoder.dense.out_features, encoder.seen.tolist()) == (6, 6, [2])
    assert encoders.Vector().build(SPACE).features == VectorEncoder(SPACE).features == 128
