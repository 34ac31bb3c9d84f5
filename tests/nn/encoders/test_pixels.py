from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch

from lrs_lightning.errors import ArgumentError, EnvironmentMismatchError
from lrs_lightning.nn import ENCODERS, PolicyConfig, build_policy, cores, pixel_encoder

NAMES = ["small", "nature", "ncps", "impala"]
SPACE = gym.spaces.Box(0, 255, (4, 84, 84), np.uint8)


def frames(*leading: int) -> torch.Tensor:
    return torch.randint(0, 256, (*leading, 4, 84, 84), dtype=torch.uint8)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        # 16 x 4 x 8 x 8 + 16, 32 x 16 x 4 x 4 + 32, 256 x 2592 + 256
        ("small", 4112 + 8224 + 663_808),
        # 8224, 32832, 36928, and 256 x 3136 + 256
        ("nature", 8224 + 32_832 + 36_928 + 803_072),
        # 5 x 5 convolutions 4-64-128-128-256 and two batch norms
        ("ncps", 6464 + 204_928 + 256 + 409_728 + 819_456 + 512),
    ],
)
def test_sizes_are_those_of_the_papers(name, parameters):
    encoder = pixel_encoder(name, SPACE, 256, None)
    assert sum(p.numel() for p in encoder.parameters()) == parameters


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("normalize", [False, True])
def test_a_window_equals_its_frames(name, normalize, poisoned_empty):
    encoder = pixel_encoder(name, SPACE, 24, None, normalize=normalize).double().eval()
    window = frames(3, 2)
    together = encoder(window)
    assert together.shape == (3, 2, 24) and bool(together.isfinite().all())
    for t in range(3):
        for b in range(2):
            torch.testing.assert_close(encoder(window[t, b]), together[t, b], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_learns(name):
    encoder = pixel_encoder(name, SPACE, 16, None)
    encoder(frames(8)).square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.any()) for p in encoder.parameters())


def test_only_the_chosen_frames_are_seen():
    encoder = pixel_encoder("small", SPACE, 16, [3])
    one, other = frames(2), frames(2)
    other[:, 3] = one[:, 3]
    torch.testing.assert_close(encoder(one), encoder(other), rtol=0, atol=0)
    other[:, 3] ^= 255
    assert not torch.equal(encoder(one), encoder(other))


def test_bytes_and_their_floats_are_the_same_picture():
    encoder = pixel_encoder("small", SPACE, 16, None)
    picture = frames(2)
    torch.testing.assert_close(encoder(picture), encoder(picture.float()), rtol=0, atol=0)


def test_a_plain_convolution_in_channels_first_agrees():
    encoder = pixel_encoder("small", SPACE, 16, None).double()
    picture = frames(3)
    x = picture.double() / 255
    for convolution in (encoder.convolutions[0], encoder.convolutions[2]):
        patches = torch.nn.functional.unfold(x, convolution.kernel_size, stride=convolution.stride)
        x = convolution.weight.flatten(1) @ patches + convolution.bias[:, None]  # (N, C, places)
        side = int(x.shape[-1] ** 0.5)
        x = torch.relu(x).unflatten(-1, (side, side))
    dense = encoder.head[1]
    expected = torch.relu(x.flatten(1) @ dense.weight.T + dense.bias)
    torch.testing.assert_close(encoder(picture), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_policies_take_pixels_by_name(name):
    encoder = ENCODERS[name](features=16, channels=[3])
    config = PolicyConfig(encoder, cores.CfC(hidden_size=8, rank=2))
    policy = build_policy(config, SPACE, gym.spaces.Discrete(5)).eval()
    window = frames(2, 3)
    out, _ = policy.unroll(window)
    state = policy.initial_state(2)
    for t in range(3):
        step, state = policy.step(window[:, t], state)
        torch.testing.assert_close(step, out[:, t], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (gym.spaces.Box(-1, 1, (17,)), "uint8 frames"),
        (gym.spaces.Box(0, 1, (4, 84, 84), np.float32), "uint8 frames"),
        (gym.spaces.Box(0, 255, (4, 7, 7), np.uint8), "frames of 7 x 7 are too small"),
    ],
)
def test_wrong_spaces_are_told(space, message):
    with pytest.raises(ArgumentError, match=message):
        pixel_encoder("nature", space, 16, None)


def test_frames_of_another_size_are_told():
    with pytest.raises(EnvironmentMismatchError, match=r"made for observations of shape \(4, 84"):
        pixel_encoder("small", SPACE, 16, None)(torch.zeros(2, 4, 64, 64))
