"""Convolutional encoders: frames in, features out; uint8 until the first line of `forward`.

Four sizes of eye: the small network of 2013, the Nature network of 2015, the head of ncps' Atari
example and the residual IMPALA network. All take `(N, C, 84, 84)` frames, C being the number of
stacked frames, and give `(N, features)`; a window of `(B, T)` frames goes through in one batch
before the scan. Activations are kept channels-last, in which convolutions over few channels are
about twice as fast on CPU.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lrs_lightning.errors import ArgumentError, UnknownNameError

FRAME_SIZE = 84


class PixelEncoder(nn.Module):
    """Frames `(N, C, 84, 84)` uint8 (or float in 0 to 255) to features `(N, output_size)`.

    Args:
        channels: stacked frames C.
        convolutions: the body, up to and without flattening.
        head: from the body's output to the features.
        output_size: number of features.
    """

    def __init__(
        self, channels: int, convolutions: nn.Module, head: nn.Module, output_size: int
    ) -> None:
        super().__init__()
        self.channels = channels
        self.output_size = output_size
        self.convolutions = convolutions.to(memory_format=torch.channels_last)
        self.head = head

    def forward(self, frames: Tensor) -> Tensor:
        """See the class; frames of another size raise `ArgumentError`."""
        if frames.ndim != 4 or frames.shape[1:] != (self.channels, FRAME_SIZE, FRAME_SIZE):
            raise ArgumentError(
                f"frames have shape {tuple(frames.shape)}, the encoder expects (N, {self.channels}, "
                f"{FRAME_SIZE}, {FRAME_SIZE}): resize them, or build the encoder for that stack"
            )
        dtype = next(self.parameters()).dtype
        x = frames.to(memory_format=torch.channels_last).to(dtype).mul_(1 / 255)
        features: Tensor = self.head(self.convolutions(x))
        return features


def _norm(channels: int, normalize: bool) -> list[nn.Module]:
    # One group over all channels is a layer norm over (C, H, W) that keeps channels-last.
    return [nn.GroupNorm(1, channels)] if normalize else []


def _convolution_stack(
    channels: int, layers: list[tuple[int, int, int]], normalize: bool
) -> nn.Sequential:
    """Layers of (filters, kernel, stride), each followed by its norm and a ReLU."""
    modules: list[nn.Module] = []
    for filters, kernel, stride in layers:
        modules += [
            nn.Conv2d(channels, filters, kernel, stride),
            *_norm(filters, normalize),
            nn.ReLU(),
        ]
        channels = filters
    return nn.Sequential(*modules)


def _dense_head(inputs: int, features: int, normalize: bool) -> nn.Sequential:
    norm: list[nn.Module] = [nn.LayerNorm(features)] if normalize else []
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, features), *norm, nn.ReLU())


def small_cnn(channels: int, features: int = 256, normalize: bool = True) -> PixelEncoder:
    """The network of Mnih et al. (2013): 16 and 32 filters, 256 units; a third of Nature's cost."""
    body = _convolution_stack(channels, [(16, 8, 4), (32, 4, 2)], normalize)
    return PixelEncoder(channels, body, _dense_head(32 * 9 * 9, features, normalize), features)


def nature_cnn(channels: int, features: int = 512, normalize: bool = False) -> PixelEncoder:
    """The network of Mnih et al. (2015): 32, 64 and 64 filters, 512 units."""
    body = _convolution_stack(channels, [(32, 8, 4), (64, 4, 2), (64, 3, 1)], normalize)
    return PixelEncoder(channels, body, _dense_head(64 * 7 * 7, features, normalize), features)


ENCODERS = {"small": small_cnn, "nature": nature_cnn}


def build_encoder(name: str, channels: int, normalize: bool = False) -> PixelEncoder:
    """An encoder by name.

    Args:
        name: a key of `ENCODERS`.
        channels: stacked frames C.
        normalize: layer norms after each layer.

    Raises:
        UnknownNameError: no such encoder; the nearest name is offered.
    """
    if name not in ENCODERS:
        raise UnknownNameError("pixel encoder", name, ENCODERS)
    return ENCODERS[name](channels, normalize=normalize)
