"""Shrink a screen as ALE's vector environment does (OpenCV's area interpolation), without OpenCV.

An output pixel is the mean of the input area it covers: along each axis a sum of few inputs, whole
ones and the parts at both ends. Sums are in float32, columns first, in OpenCV's order, since many
means lie exactly between two numbers and the last bit decides.
"""

from __future__ import annotations

from functools import cache
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

SIZE = 84


def shrink(screen: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A grey screen `(H, W)` to `(84, 84)`; halves are rounded to even."""
    height, width = screen.shape
    narrow = _sum_along_rows(screen.astype(np.float32).T, *_cells(width)).T  # (H, 84)
    small = _sum_along_rows(narrow, *_cells(height))
    result: NDArray[np.uint8] = np.rint(small).astype(np.uint8)
    return result


def _sum_along_rows(
    image: NDArray[np.float32], rows: NDArray[np.int64], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    total: NDArray[np.float32] = image[rows[0]] * weights[0, :, None]
    for row, weight in zip(rows[1:], weights[1:], strict=True):
        total += image[row] * weight[:, None]
    return total


@cache
def _cells(inputs: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The inputs under each output and their weights, both `(most inputs under one, 84)`."""
    scale = inputs / SIZE
    covered = [_cover(k * scale, scale, inputs) for k in range(SIZE)]
    most = max(map(len, covered))
    rows, weights = np.zeros((most, SIZE), np.int64), np.zeros((most, SIZE), np.float32)
    for k, cells in enumerate(covered):
        for i, (row, weight) in enumerate(cells):
            rows[i, k], weights[i, k] = row, weight
    return rows, weights


def _cover(start: float, scale: float, inputs: int) -> list[tuple[int, float]]:
    """Inputs between `start` and `start + scale`, each with the share of the output it makes up."""
    stop = start + scale
    width = min(scale, inputs - start)
    last = min(floor(stop), inputs - 1)
    first = min(ceil(start), last)
    tiny = 1e-3
    cells = [(first - 1, (first - start) / width)] if first - start > tiny else []
    cells += [(row, 1 / width) for row in range(first, last)]
    if stop - last > tiny:
        cells.append((last, min(min(stop - last, 1.0), width) / width))
    return cells
