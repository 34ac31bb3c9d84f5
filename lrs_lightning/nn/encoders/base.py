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
from lrs_lightning.nn.choices import Choice, Registry, options_of

if TYPE_CHECKING:
    import gymnasium as gym


class Encoder(nn.Module):
    """Base of all encoders: the observation's shape, the number of features, the statistics."""

    features: int
    observation_shape: tuple[int, ...]
    seen: Tensor | None
    frozen: bool = False
    """Whether its weights are those of another training and are not trained; see `freeze`."""

    def freeze(self) -> None:
        """Take no gradients from now on, and stay in evaluation mode."""
        self.frozen = True
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Encoder:
        """Set training mode; a frozen encoder is evaluated in training too."""
        super().train(mode and not self.frozen)
        return self

    def choose_channels(self, channels: Sequence[int] | None, size: int) -> int:
        """Keep the indices of the channels that are seen as the buffer `seen`; tell their number.

        Args:
            channels: different indices below `size`, or None for all.
            size: number of channels of the observation.

        Raises:
            ArgumentError: there is no such channel, none is left, or one is there twice.
        """
        chosen = None if channels is None else [int(channel) for channel in channels]
        if chosen is not None and not (
            chosen and len(set(chosen)) == len(chosen) and all(0 <= c < size for c in chosen)
        ):
            raise ArgumentError(
                f"channels is {chosen}: give different numbers from 0 to {size - 1}, at least one, "
                "or leave it out to see all."
            )
        self._channels = chosen
        indices = None if chosen is None else torch.tensor(chosen)
        # Not saved: the configuration already says it.
        self.register_buffer("seen", indices, persistent=False)
        return size if chosen is None else len(chosen)

    def reset_parameters(self) -> None:
        """Give the buffers that come from arguments their values again, after `to_empty`."""
        if self.seen is not None:
            self.seen.copy_(torch.tensor(self._channels))

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

    def describe(self) -> dict[str, Any]:
        """Name and options on one level, for `summary.json` and the report."""
        return {"encoder": self.name, **options_of(self)}


ENCODERS: Registry[EncoderOptions] = Registry("encoder")
"""Encoders by name."""

register_encoder = ENCODERS.register
