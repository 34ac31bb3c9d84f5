"""What turns an observation into features. What a policy sees and how it is scaled belongs here.

Encoders take raw observations with any leading axes, `(..., *observation)`, and hand on
`(..., features)`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from lrs_lightning.errors import ArgumentError, EnvironmentMismatchError
from lrs_lightning.nn.choices import Choice, Registry

if TYPE_CHECKING:
    import gymnasium as gym


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


class EncoderOptions(Choice, ABC):
    """Base of the encoders to choose from."""

    @abstractmethod
    def build(self, observation_space: gym.Space[Any]) -> Encoder:
        """Make the encoder for the observations of one environment."""


ENCODERS: Registry[EncoderOptions] = Registry("encoder")
"""Encoders by name."""

register_encoder = ENCODERS.register


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
