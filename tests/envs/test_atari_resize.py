"""The mean of the covered area, computed with exact fractions, is the judge."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from lrs_lightning.envs.atari_resize import SIZE, shrink


def exact_mean(screen, row, column):
    """Mean of the area under one output pixel, as a fraction."""
    total = Fraction(0)
    sizes = [Fraction(n, SIZE) for n in screen.shape]
    spans = [[(k * s, (k + 1) * s) for k in range(SIZE)] for s in sizes]
    (top, bottom), (left, right) = spans[0][row], spans[1][column]
    for y in range(int(top), min(int(bottom) + 1, screen.shape[0])):
        for x in range(int(left), min(int(right) + 1, screen.shape[1])):
            height = min(bottom, Fraction(y + 1)) - max(top, Fraction(y))
            width = min(right, Fraction(x + 1)) - max(left, Fraction(x))
            total += height * width * int(screen[y, x])
    return total / (sizes[0] * sizes[1])


@pytest.mark.parametrize("shape", [(210, 160), (250, 160), (84, 84), (168, 252)])
def test_pixels_are_means_of_the_area_they_cover(shape):
    rng = np.random.default_rng(0)
    screen = rng.integers(0, 256, shape, dtype=np.uint8)
    small = shrink(screen)
    assert small.shape == (SIZE, SIZE) and small.dtype == np.uint8
    for row, column in rng.integers(0, SIZE, (60, 2)).tolist():
        assert abs(int(small[row, column]) - exact_mean(screen, row, column)) <= Fraction(501, 1000)


def test_one_colour_stays_that_colour():
    for value in (0, 1, 127, 255):
        assert (shrink(np.full((210, 160), value, np.uint8)) == value).all()
