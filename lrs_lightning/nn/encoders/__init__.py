"""Encoders: observations in, features out."""

from lrs_lightning.nn.encoders.base import ENCODERS, Encoder, EncoderOptions, register_encoder
from lrs_lightning.nn.encoders.frozen import Frozen, digest_of
from lrs_lightning.nn.encoders.pixels import (
    Impala,
    Nature,
    Ncps,
    PixelEncoder,
    Small,
    pixel_encoder,
)
from lrs_lightning.nn.encoders.vector import Vector, VectorEncoder

__all__ = [
    "ENCODERS",
    "Encoder",
    "EncoderOptions",
    "Frozen",
    "Impala",
    "Nature",
    "Ncps",
    "PixelEncoder",
    "Small",
    "Vector",
    "VectorEncoder",
    "digest_of",
    "pixel_encoder",
    "register_encoder",
]
