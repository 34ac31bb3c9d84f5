"""The Q-network of Atari experts: a normalised pixel encoder and one value per action."""

from __future__ import annotations

from torch import Tensor, nn

from lrs_lightning.nn.encoders_pixels import PixelEncoder


class QNetwork(nn.Module):
    """Action values of stacked frames.

    Args:
        encoder: frames `(N, C, 84, 84)` to features `(N, F)`.
        num_actions: A, the size of the discrete action space.
    """

    def __init__(self, encoder: PixelEncoder, num_actions: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.output_size, num_actions)

    def forward(self, frames: Tensor) -> Tensor:
        """Frames `(N, C, 84, 84)` uint8 to action values `(N, A)`."""
        values: Tensor = self.head(self.encoder(frames))
        return values
