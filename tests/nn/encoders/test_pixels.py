from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch.nn import functional

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
        # 3 x 3 convolutions 4-16, 16-32 and 32-32, four of each stage's width, 256 x 32 x 11 x 11
        ("impala", 592 + 4 * 2320 + 4640 + 4 * 9248 + 9248 + 4 * 9248 + 991_232 + 256),
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


class Plain:
    """The networks as their papers write them, one call after another, in channels-first.

    Args:
        encoder: whose parameters are taken, in the order in which they were made.
        normalize: whether there are layer norms.
    """

    def __init__(self, encoder, normalize):
        self.normalize = normalize
        kinds = (torch.nn.Conv2d, torch.nn.BatchNorm2d)
        self.layers = [m for m in encoder.convolutions.modules() if isinstance(m, kinds)]
        self.dense = [m for m in encoder.head.modules() if isinstance(m, torch.nn.Linear)]

    def conv(self, x, stride=1, padding=0):
        layer = self.layers.pop(0)
        return functional.conv2d(x, layer.weight, layer.bias, stride, padding)

    def batch_norm(self, x):
        layer = self.layers.pop(0)
        mean, var = (v[:, None, None] for v in (layer.running_mean, layer.running_var))
        scaled = (x - mean) / (var + layer.eps).sqrt()
        return scaled * layer.weight[:, None, None] + layer.bias[:, None, None]

    def norm(self, x):
        """A layer norm over all of a picture, with the scale 1 that it has at the start."""
        return functional.layer_norm(x, x.shape[1:]) if self.normalize else x

    def linear(self, x):
        (layer,) = self.dense
        return torch.relu(self.norm(x.flatten(1) @ layer.weight.T + layer.bias))

    def small(self, x):
        for stride in (4, 2):
            x = torch.relu(self.norm(self.conv(x, stride)))
        return self.linear(x)

    def nature(self, x):
        for stride in (4, 2, 1):
            x = torch.relu(self.norm(self.conv(x, stride)))
        return self.linear(x)

    def ncps(self, x):
        for batch_norm in (False, True, False, True):
            x = self.conv(x, 2, padding=2)
            x = torch.relu(self.batch_norm(x) if batch_norm else x)
        (layer,) = self.dense
        return torch.relu(x.mean((2, 3)) @ layer.weight.T + layer.bias)

    def impala(self, x):
        for _ in range(3):
            x = functional.max_pool2d(self.conv(x, padding=1), 3, stride=2, padding=1)
            for _ in range(2):
                inner = self.conv(torch.relu(self.norm(x)), padding=1)
                x = x + self.conv(torch.relu(inner), padding=1)
        return self.linear(torch.relu(x))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("normalize", [False, True])
def test_networks_are_those_of_their_papers(name, normalize):
    encoder = pixel_encoder(name, SPACE, 24, None, normalize=normalize).double().eval()
    for layer in encoder.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
    picture = frames(2)
    plain = Plain(encoder, normalize)
    expected = getattr(plain, name)(picture.double() / 255)
    torch.testing.assert_close(encoder(picture), expected, rtol=1e-9, atol=1e-12)
    assert not plain.layers, "there are more layers than the paper has"


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
