"""Convolutional encoders: frames in, features out; uint8 until the first line of `forward`.

There are four: the small network of 2013, the Nature network of 2015, the head of ncps' Atari
example and the residual IMPALA network. A window of `(T, B)` frames goes through in one batch
before the scan. Activations are kept channels-last, in which convolutions over few channels are
about twice as fast on CPU, and which tensor cores want.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import _checks
from lrs_lightning.nn.encoders.base import (
    Encoder,
    EncoderOptions,
    register_encoder,
)

if TYPE_CHECKING:
    import gymnasium as gym

Body = Callable[[int, bool], nn.Module]


class PixelEncoder(Encoder):
    """Frames `(..., S, H, W)` to features `(..., features)`.

    Args:
        observation_space: a `Box` of uint8 frames `(S, H, W)`, the newest last.
        features: width of the features F.
        channels: which of the S frames are seen, e.g. `[3]` for only the newest; None for all.
        body: makes the convolutions from the number of frames seen.
        head: makes the rest from the shape `(C, H, W)` of the convolutions' output and F.
        normalize: layer norms after each layer.

    Raises:
        ArgumentError: the space holds no frames, or they are too small for the convolutions.
    """

    def __init__(
        self,
        observation_space: gym.Space[Any],
        features: int,
        channels: Sequence[int] | None,
        body: Body,
        head: Callable[[tuple[int, int, int], int, bool], nn.Module],
        normalize: bool = False,
    ) -> None:
        super().__init__()
        shape = observation_space.shape or ()
        if len(shape) != 3 or observation_space.dtype != np.uint8:
            raise ArgumentError(
                f"a pixel encoder cannot see observations of {observation_space}: it needs a Box "
                "of uint8 frames (frames, height, width); for vectors choose the encoder 'mlp'."
            )
        self.features, self.observation_shape = features, shape
        frames = self.choose_channels(channels, shape[0])
        self.convolutions = body(frames, normalize)
        self.convolutions.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.head = head(
            _output_shape(self.convolutions, (frames, *shape[1:])), features, normalize
        )

    def forward(self, observations: Tensor) -> Tensor:
        """`(..., S, H, W)` uint8, or float in 0 to 255, to `(..., F)`."""
        self.check(observations)
        x = observations.reshape(-1, *self.observation_shape)  # (N, S, H, W)
        if self.seen is not None:
            x = x.index_select(1, self.seen)
        y: Tensor = self.head(self.convolutions(self._scaled(x)))
        return y.view(*observations.shape[:-3], self.features)

    def _scaled(self, x: Tensor) -> Tensor:
        """0 to 255 becomes 0 to 1, channels-last, in the dtype of the weights."""
        x = _channels_last(x)  # before the conversion: bytes are less to move
        converted = x.to(self._dtype())
        # In place where the memory is our own: a batch of floats is larger than the cache.
        return converted * (1 / 255) if converted is x else converted.mul_(1 / 255)

    def _dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype


def _channels_last(x: Tensor) -> Tensor:
    if torch._C._functorch.is_batchedtensor(x):  # a memory format counts the axis of vmap too
        return x.movedim(1, -1).contiguous().movedim(-1, 1)
    return x.to(memory_format=torch.channels_last)


def _output_shape(convolutions: nn.Module, shape: tuple[int, ...]) -> tuple[int, int, int]:
    try:
        with torch.no_grad():
            channels, height, width = convolutions(torch.zeros(1, *shape)).shape[1:]
    except RuntimeError as error:
        raise ArgumentError(
            f"frames of {shape[1]} x {shape[2]} are too small for this encoder: give 84 x 84"
        ) from error
    return int(channels), int(height), int(width)


def _norm(channels: int, normalize: bool) -> list[nn.Module]:
    # One group over all channels is a layer norm over (C, H, W) that keeps channels-last.
    return [nn.GroupNorm(1, channels)] if normalize else []


def _plain(layers: Sequence[tuple[int, int, int]]) -> Body:
    """Convolutions of (filters, kernel, stride), each followed by its norm and a ReLU."""

    def body(frames: int, normalize: bool) -> nn.Sequential:
        modules: list[nn.Module] = []
        for filters, kernel, stride in layers:
            convolution = nn.Conv2d(frames, filters, kernel, stride)
            modules += [convolution, *_norm(filters, normalize), nn.ReLU()]
            frames = filters
        return nn.Sequential(*modules)

    return body


def _dense(shape: tuple[int, int, int], features: int, normalize: bool) -> nn.Sequential:
    """All of the picture into one dense layer."""
    norm: list[nn.Module] = [nn.LayerNorm(features)] if normalize else []
    inputs = shape[0] * shape[1] * shape[2]
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, features), *norm, nn.ReLU())


def _ncps_body(frames: int, normalize: bool) -> nn.Sequential:
    """64, 128, 128 and 256 filters of 5 x 5, stride 2; batch norm after the second and fourth."""
    modules: list[nn.Module] = []
    for i, filters in enumerate((64, 128, 128, 256)):
        modules.append(nn.Conv2d(frames, filters, 5, stride=2, padding=2))
        modules += [nn.BatchNorm2d(filters)] * (i % 2) + [nn.ReLU()]
        frames = filters
    return nn.Sequential(*modules)


def _average(shape: tuple[int, int, int], features: int, normalize: bool) -> nn.Sequential:
    """The mean over the picture; a dense layer where another width is wanted."""
    modules: list[nn.Module] = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    if features != shape[0]:
        modules += [nn.Linear(shape[0], features), nn.ReLU()]
    return nn.Sequential(*modules)


class Residual(nn.Module):
    """Two 3 x 3 convolutions around which the input passes."""

    def __init__(self, filters: int, normalize: bool) -> None:
        super().__init__()
        self.block = nn.Sequential(
            *_norm(filters, normalize),
            nn.ReLU(),
            nn.Conv2d(filters, filters, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(filters, filters, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` -> the same."""
        y: Tensor = x + self.block(x)
        return y


def _impala_body(frames: int, normalize: bool) -> nn.Sequential:
    """Three stages of 16, 32 and 32 filters, each halving the picture, two residual blocks each."""
    modules: list[nn.Module] = []
    for filters in (16, 32, 32):
        modules += [
            nn.Conv2d(frames, filters, 3, padding=1),
            nn.MaxPool2d(3, stride=2, padding=1),
            Residual(filters, normalize),
            Residual(filters, normalize),
        ]
        frames = filters
    return nn.Sequential(*modules, nn.ReLU())


_NETWORKS: dict[str, tuple[Body, Callable[..., nn.Module]]] = {
    # Mnih et al. (2013): a third of Nature's cost.
    "small": (_plain([(16, 8, 4), (32, 4, 2)]), _dense),
    # Mnih et al. (2015).
    "nature": (_plain([(32, 8, 4), (64, 4, 2), (64, 3, 1)]), _dense),
    # The head of ncps' Atari example; it gives 256 features.
    "ncps": (_ncps_body, _average),
    # Espeholt et al. (2018).
    "impala": (_impala_body, _dense),
}


def pixel_encoder(
    name: str,
    observation_space: gym.Space[Any],
    features: int = 256,
    channels: Sequence[int] | None = None,
    normalize: bool = False,
) -> PixelEncoder:
    """An encoder of pixels by name: `small`, `nature`, `ncps` or `impala`.

    Example:
        >>> from gymnasium.spaces import Box
        >>> space = Box(0, 255, (4, 84, 84), np.uint8)
        >>> pixel_encoder("small", space, features=64)(torch.zeros(2, 5, 4, 84, 84)).shape
        torch.Size([2, 5, 64])
    """
    return PixelEncoder(observation_space, features, channels, *_NETWORKS[name], normalize)


@dataclass(frozen=True)
class _PixelOptions(EncoderOptions, ABC):
    """What the encoders of pixels have in common."""

    features: int = 128
    """Number of features that the encoder hands on."""

    channels: list[int] | None = None
    """Frames of the stack that the policy sees, e.g. [3] for the newest alone; null for all."""

    def __post_init__(self) -> None:
        _checks.positive("features", self.features)

    def build(self, observation_space: gym.Space[Any]) -> PixelEncoder:
        """Make the encoder for stacks of uint8 frames."""
        return pixel_encoder(self.name, observation_space, self.features, self.channels)


@register_encoder
@dataclass(frozen=True)
class Small(_PixelOptions):
    """The network of 2013, a third of Nature's cost."""

    name: ClassVar[str] = "small"


@register_encoder
@dataclass(frozen=True)
class Nature(_PixelOptions):
    """The network of 2015."""

    name: ClassVar[str] = "nature"


@register_encoder
@dataclass(frozen=True)
class Ncps(_PixelOptions):
    """The head of ncps' Atari example."""

    name: ClassVar[str] = "ncps"


@register_encoder
@dataclass(frozen=True)
class Impala(_PixelOptions):
    """The residual network of IMPALA."""

    name: ClassVar[str] = "impala"
