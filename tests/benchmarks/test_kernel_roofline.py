"""The models of a step's cost, against numbers worked out by hand."""

from __future__ import annotations

from collections import Counter

import pytest

pytest.importorskip("triton")

from benchmarks.kernel_roofline import floor_us, global_sectors, predicted_us


def test_the_floor_of_a_small_cfc() -> None:
    # a chain of 64 / 16 products: 4 * 33 = 132 cycles, longer than 3 * 64^2 * 8 / 1270 = 77;
    # tanh.approx: 3 * 64 * 8 / 16 = 96, fixed 250
    cycles = 132 + 96 + 250
    assert floor_us("cfc", "forward", "bf16", 64, 0, 8) == pytest.approx(cycles / 1900)
    assert floor_us("cfc", "backward", "bf16", 64, 0, 8) == pytest.approx((132 + 250) / 1900)


def test_matrices_that_are_read_in_every_step_count() -> None:
    # 3 * 128^2 * 4 / 128 = 1536 cycles of shared memory, longer than a chain of 16 * 33
    cycles = 1536 + 250
    assert floor_us("cfc", "backward", "tf32", 128, 0, 8) == pytest.approx(cycles / 1900)


def test_factors_lower_the_floor_of_a_large_cell() -> None:
    whole = floor_us("cfc", "forward", "tf32", 256, 0, 8)
    assert floor_us("cfc", "forward", "tf32", 256, 16, 8) < whole / 2


def test_the_prediction_adds_what_nothing_overlaps() -> None:
    loop = Counter({"FADD": 80, "BAR.SYNC": 4, "MUFU": 6, "LDSM.16.M88.4": 10})
    # issuing 100 * 4 / 4 = 100, special 6 * 4 * 32 / 16 = 48 and shared memory
    # 10 * 512 * 4 / 128 = 160 overlap; a chain of 4 * 33 does not
    cycles = 160 + 4 * 30 + 4 * 33
    assert predicted_us(loop, 4, "bf16", 64) == pytest.approx(cycles / 1900)


def test_memory_may_take_longest() -> None:
    # 12 * 64 + 16 * 32 bits of each of 128 threads are 640 sectors of 32 bytes
    loop = Counter({"LDG.64": 12, "STG.32": 16, "LDGSTS": 3, "BAR.SYNC": 2})
    assert global_sectors(loop, 4) == 640
    cycles = 640 * 1.4 + 2 * 30
    assert predicted_us(loop, 4, "bf16", 64) == pytest.approx((cycles + 4 * 33) / 1900)
    assert predicted_us(loop, 4, "ieee", 64) == pytest.approx(cycles / 1900)
