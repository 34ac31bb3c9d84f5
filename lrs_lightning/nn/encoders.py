"""From an observation to features. What a policy sees and how it is scaled belongs to the encoder.

Encoders take raw observations with any leading axes, `(..., *observation)`, and hand on
`(..., features)`. The registry `ENCODERS` maps the names of the configuration to classes with the
arguments `(observation_space, features, channels)` and the attribute `features`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from lrs_lightning.errors import ArgumentError, EnvironmentMismatchError


class Encoder(nn.Module):
    """Base of all encoders: the observation's shape, the number of features, the statistics."""

    features: int
    observation_shape: tuple[int, ...]

    def set_statistics(self, mean: ArrayLike, std: ArrayLike) -> None:
        """Take over the training data's mean and deviation; encoders of pixels need none."""

    def check(self, observations: Tensor) -> None:
        """Refuse observations of another shape than the policy was made for."""
        own = self.observation_shape
        if tuple(observations.shape[observations.dim() - len(own) :]) != own:
            raise EnvironmentMismatchError(
                f"observations have shape {tuple(observations.shape)}, but the policy was made for "
                f"observations of shape {own}: use the task it was trained on."
            )


class EncoderFactory(Protocol):
    """What the registry holds."""

    def __call__(
        self, observation_space: gym.Space[Any], features: int, channels: Sequence[int] | None
    ) -> Encoder:
        """Make the encoder."""
        ...


class VectorEncoder(Encoder):
    """Choice of channels, normalisation, one dense layer with ReLU.

    Args:
        observation_space: a one-dimensional `Box`.
        features: width of the dense layer.
        channels: indices of the observation that the policy sees; None for all.

    Raises:
        ArgumentError: the space is no vector, or a channel does not exist.

    Example:
        >>> encoder = VectorEncoder(gym.spaces.Box(-1, 1, (17,)), features=128, channels=[0, 2])
        >>> encoder(torch.zeros(5, 3, 17)).shape
        torch.Size([5, 3, 128])
    """

    mean: Tensor
    std: Tensor
    seen: Tensor | None

    def __init__(
        self,
        observation_space: gym.Space[Any],
        features: int = 128,
        channels: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(observation_space, gym.spaces.Box) or len(observation_space.shape) != 1:
            raise ArgumentError(
                f"encoder 'mlp' cannot see observations of {observation_space}: it needs a Box "
                "with one axis; for images choose a convolutional encoder."
            )
        self.features, self.observation_shape = features, observation_space.shape
        (size,) = observation_space.shape
        chosen = check_channels(channels, size)
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("std", torch.ones(size))
        # Not saved: the configuration already says it.
        self.register_buffer("seen", chosen, persistent=False)
        self.dense = nn.Linear(size if chosen is None else len(chosen), features)

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


def check_channels(channels: Sequence[int] | None, size: int) -> Tensor | None:
    """The chosen channels as indices, each one different and below `size`."""
    if channels is None:
        return None
    chosen = [int(channel) for channel in channels]
    if not chosen or len(set(chosen)) != len(chosen) or not all(0 <= c < size for c in chosen):
        raise ArgumentError(
            f"channels is {chosen}: give different numbers from 0 to {size - 1}, at least one, or "
            "leave it out to see all."
        )
    return torch.tensor(chosen)


ENCODERS: dict[str, EncoderFactory] = {"mlp": VectorEncoder}
"""Encoders by their name in the configuration."""
