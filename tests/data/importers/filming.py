"""Pictures of noise in any layout, and as files."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

STEPS, HIGH, WIDE = 4, 9, 12


def frames(channels: int = 3, seed: int = 0, high: int = HIGH, wide: int = WIDE) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (STEPS + 1, channels, high, wide), np.uint8)


def laid_out(upright: np.ndarray, layout: str) -> np.ndarray:
    """`(L, C, H, W)` in another order; a stack of two where there is an S."""
    if "S" in layout:
        upright = upright.reshape(len(upright), 2, -1, *upright.shape[2:])
        return upright.transpose(0, *(1 + "SCHW".index(letter) for letter in layout))
    if "C" not in layout:
        return upright[:, 0].transpose(0, *(1 + "HW".index(letter) for letter in layout))
    return upright.transpose(0, *(1 + "CHW".index(letter) for letter in layout))


def numbers(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (STEPS, 2)).astype(np.float32)


def coded(picture: np.ndarray, format: str = "PNG") -> bytes:
    """A picture `(C, H, W)` as a file."""
    file = io.BytesIO()
    Image.fromarray(np.moveaxis(picture, 0, -1).squeeze()).save(file, format)
    return file.getvalue()
