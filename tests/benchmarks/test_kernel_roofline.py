"""The models of a step's cost, against numbers worked out by hand."""

from __future__ import annotations

from collections import Counter

import pytest

pytest.importorskip("triton")

from benchmarks.kernel_roofline import floor_us, predicted_us


def test_the_floor_of_a_small_cfc() -> None:
    # shared memory: 3 * 64^2 * 2 / 128 = 192 cycles, tanh.approx: 3 * 64 * 8 / 16 = 96, fixed 250
    cycles = 192 + 96 + 250
    assert floor_us("cfc", "forward", "bf16", 64, 0, 8) == pytest.approx(cycles / 1900)
    assert floor_us("cfc", "backward", "bf16", 64, 0, 8) == pytest.approx((192 + 250) / 1900)


def test_factors_lower_the_floor_of_a_large_cell() -> None:
    whole = floor_us("cfc", "forward", "bf16", 256, 0, 8)
    assert floor_us("cfc", "forward", "bf16", 256, 16, 8) < whole / 2


def test_the_prediction_adds_what_nothing_overlaps() -> None:
    loop = Counter({"FADD": 80, "BAR.SYNC": 4, "MUFU": 6, "LDSM.16.M88.4": 10})
    # issuing 100 * 4 / 4 = 100 and shared memory 10 * 512 * 4 / 128 = 160 overlap
    cycles = 160 + 6 * 4 * 32 / 16 + 4 * 30
    assert predicted_us(loop, 4, "bf16") == pytest.approx(cycles / 1900)
