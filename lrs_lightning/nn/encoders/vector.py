"""The encoder of vectors: choice of channels, normalisation, one dense layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import _checks
from lrs_lightning.nn.encoders.base import (
    Encoder,
    EncoderOptions,
    register_encoder,
)
from lrs_lightning.nn.rowwise import Dense

if TYPE_CHECKING:
    import gymnasium as gym


class VectorEncoder(Encoder):
    """Choice of channels, normalisation, one dense layer with ReLU.

    Args:
        observation_space: a one-dimensional `Box`.
        features: width of the dense layer.
        channels: indices of the observation that the policy sees; None for all.

    Raises:
        ArgumentError: the space is no vector, or a channel does not exist.

    Example:
        >>> from gymnasium.spaces import Box
        >>> encoder = VectorEncoder(Box(-1, 1, (17,)), features=128, channels=[0, 2])
        >>> encoder(torch.zeros(5, 3, 17)).shape
        torch.Size([5, 3, 128])
    """

    rows_apart = True
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        observation_space: gym.Space[Any],
        features: int = 128,
        channels: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        from gymnasium.spaces import Box

        if not isinstance(observation_space, Box) or len(observation_space.shape) != 1:
            raise ArgumentError(
                f"encoder 'mlp' cannot see observations of {observation_space}: it needs a Box "
                "with one axis; for images choose a convolutional encoder."
            )
        self.features, self.observation_shape = features, observation_space.shape
        (size,) = observation_space.shape
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("std", torch.ones(size))
        seen = self.choose_channels(channels, size)
        self.dense = Dense(seen, features)

    def reset_parameters(self) -> None:
        """Draw the weights anew and forget the statistics."""
        self.dense.reset_parameters()
        self.mean.zero_()
        self.std.fill_(1)
        super().reset_parameters()

    def set_statistics(self, mean: ArrayLike, std: ArrayLike) -> None:
        """Take over the training data's mean and deviation of each raw channel.

        A channel that never varies is only centred.
        """
        for name, values in (("mean", mean), ("std", std)):
            new = torch.as_tensor(np.asarray(values, dtype=np.float64))
            if new.shape != self.mean.shape or not bool(new.isfinite().all()):
                raise ArgumentError(
                    f"{name} has shape {tuple(new.shape)}, expected {tuple(self.mean.shape)} "
                    "finite numbers, one for each channel of the observation."
                )
            if name == "std":
                new = torch.where(new > 1e-8, new, 1.0)
            getattr(self, name).copy_(new)

    def forward(self, observations: Tensor) -> Tensor:
        """`(..., channels of the raw observation)` -> `(..., features)`."""
        self.check(observations)
        x = (observations.to(self.mean.dtype) - self.mean) / self.std
        if self.seen is not None:
            x = x.index_select(-1, self.seen)
        return torch.relu(self.dense(x))


@register_encoder
@dataclass(frozen=True)
class Vector(EncoderOptions):
    """One dense layer with ReLU on the normalised observation."""

    name: ClassVar[str] = "mlp"

    features: int = 128
    """Number of features that the encoder hands on."""

    channels: list[int] | None = None
    """Components of the observation that the policy sees; null for all."""

    def __post_init__(self) -> None:
        _checks.positive("features", self.features)

    def build(self, observation_space: gym.Space[Any]) -> VectorEncoder:
        """Make the encoder for a `Box` with one axis."""
        return VectorEncoder(observation_space, self.features, self.channels)
