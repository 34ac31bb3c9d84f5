"""Light, contrast and sharpness of frames, float32 in [0, 1], `(n, H, W)` or `(n, H, W, 3)`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lrs_lightning.shifts.base import Array, Moment, Shift, ShiftContext
from lrs_lightning.shifts.strength import StrengthRange


class BrightnessUp(Shift):
    """Brighter by 0.1 to 0.5 (ImageNet-C: the value of hue, saturation, value)."""

    name, domain, strengths = "brightness_up", "frames", (0.1, 0.2, 0.3, 0.4, 0.5)
    strength_range = StrengthRange(limit=1.0)
    sign = 1

    def observe(self, observations: Array, now: Moment) -> Array:
        """Add to the value; colours keep hue and saturation."""
        change = np.float32(self.sign * self.strength)
        if observations.ndim == 3:
            brighter: Array = np.clip(observations + change, 0, 1)
            return brighter
        value = observations.max(axis=-1, keepdims=True)
        brighter = np.clip(value + change, 0, 1)
        # Black has no hue: it becomes grey.
        scaled = observations * brighter / np.where(value > 0, value, 1)
        return np.where(value > 0, scaled, brighter)


class BrightnessDown(BrightnessUp):
    """Darker by 0.1 to 0.5: the mirror image of ImageNet-C's brightness."""

    name, sign = "brightness_down", -1


class Contrast(Shift):
    """Contrast 0.4, 0.3, 0.2, 0.1, 0.05 of what it was, about the frame's mean (ImageNet-C)."""

    name, domain, strengths = "contrast", "frames", (0.4, 0.3, 0.2, 0.1, 0.05)
    strength_range = StrengthRange(1.0, limit=0.0)

    def observe(self, observations: Array, now: Moment) -> Array:
        """Shrink towards the mean of each frame, and of each of its colours."""
        mean = observations.mean(axis=(1, 2), keepdims=True)
        seen: Array = (observations - mean) * np.float32(self.strength) + mean
        return seen


class Blur(Shift):
    """Gaussian blur of 1, 2, 3, 4, 6 pixels (ImageNet-C's held-out gaussian blur)."""

    name, domain, strengths = "blur", "frames", (1, 2, 3, 4, 6)
    strength_range = StrengthRange(limit=20)

    def __init__(self, strength: float, context: ShiftContext, rows: int) -> None:
        super().__init__(strength, context, rows)
        self._matrices: dict[int, NDArray[np.float32]] = {}

    def observe(self, observations: Array, now: Moment) -> Array:
        """A blur is separable: one matrix for rows, one for columns."""
        vertical, horizontal = (self._matrix(size) for size in observations.shape[1:3])
        if observations.ndim == 3:
            return vertical @ observations @ horizontal.T
        colours = np.moveaxis(observations, -1, 1)  # (n, 3, H, W)
        return np.moveaxis(vertical @ colours @ horizontal.T, 1, -1)

    def _matrix(self, size: int) -> NDArray[np.float32]:
        """Weights `(size, size)`; beyond the edge the picture goes on as at the edge."""
        if size not in self._matrices:
            reach = int(4 * self.strength + 0.5)
            offsets = np.arange(-reach, reach + 1)
            weights = np.exp(-0.5 * (offsets / self.strength) ** 2)
            matrix = np.zeros((size, size))
            for i in range(size):
                np.add.at(matrix[i], np.clip(i + offsets, 0, size - 1), weights / weights.sum())
            self._matrices[size] = matrix.astype(np.float32)
        return self._matrices[size]


class Inverted(Shift):
    """Colours are inverted in the upper 20, 40, 60, 80, 100 % of the frame (our own scale)."""

    name, domain, strengths = "inverted", "frames", (0.2, 0.4, 0.6, 0.8, 1.0)
    strength_range = StrengthRange(limit=1.0)

    def observe(self, observations: Array, now: Moment) -> Array:
        """White becomes black."""
        rows = round(self.strength * observations.shape[1])
        seen = observations.copy()
        seen[:, :rows] = 1 - seen[:, :rows]
        return seen
