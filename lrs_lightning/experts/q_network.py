"""The network of Atari experts: a pixel encoder and one number for each action."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
from torch import Tensor, nn

from lrs_lightning.errors import UnknownNameError
from lrs_lightning.nn.encoders import PixelEncoder, pixel_encoder

STACK, SIZE = 4, 84
FEATURES = {"small": 256, "nature": 512}
"""Width of the last hidden layer of each encoder that an expert may have."""


class QNetwork(nn.Module):
    """Action values (or logits) of stacked frames.

    Args:
        encoder: frames `(N, S, 84, 84)` to features `(N, F)`.
        num_actions: A, the size of the discrete action space.
    """

    def __init__(self, encoder: PixelEncoder, num_actions: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.features, num_actions)

    def forward(self, frames: Tensor) -> Tensor:
        """Frames `(N, S, 84, 84)` uint8 to action values `(N, A)`."""
        values: Tensor = self.head(self.encoder(frames))
        return values


def build_q_network(encoder: str, num_actions: int, normalize: bool = True) -> QNetwork:
    """A Q-network with fresh weights.

    Args:
        encoder: `small` (256 features) or `nature` (512).
        num_actions: A.
        normalize: layer norms after each layer, without which Q-learning without a target network
            diverges.

    Raises:
        UnknownNameError: no such encoder.
    """
    if encoder not in FEATURES:
        raise UnknownNameError("encoder of an expert", encoder, FEATURES)
    space = gym.spaces.Box(0, 255, (STACK, SIZE, SIZE), np.uint8)
    body = pixel_encoder(encoder, space, FEATURES[encoder], normalize=normalize)
    return QNetwork(body, num_actions)
