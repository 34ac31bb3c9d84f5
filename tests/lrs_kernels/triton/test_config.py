"""Which path a call takes, and that it says so."""

from __future__ import annotations

import logging

import pytest
import torch

from lrs_kernels import find_cell
from lrs_kernels.triton import choice
from lrs_kernels.triton.cells import kernel_cells
from lrs_kernels.triton.config import block_rows, fitted, padded, plan
from lrs_kernels.triton.table import HELD, HELD_SINGLY, SCALAR


@pytest.mark.parametrize(
    ("cell", "hidden", "rank", "masked", "precision", "path"),
    [
        ("cfc", 64, 8, True, "bf16", "resident"),
        ("cfc", 5, None, False, "bf16", "resident"),
        ("cfc", 100, 8, True, "bf16", "resident"),
        ("cfc", 128, 8, True, "tf32x3", "step"),
        ("cfc", 256, 16, False, "bf16", "factored"),
        ("cfc", 256, 9, False, "bf16", "factored"),
        ("cfc", 256, 16, True, "bf16", "step"),  # a mask needs the whole matrix
        ("cfc", 256, None, False, "bf16", "step"),
        ("cfc", 1024, 64, True, "bf16", "step"),
        ("lstm", 128, 8, True, "tf32", "step"),
        ("rnn", 256, 8, True, "bf16", "resident"),
    ],
)
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_the_path_follows_from_the_size(
    cell: str, hidden: int, rank: int | None, masked: bool, precision: str, path: str, direction
) -> None:
    chosen = plan(kernel_cells()[cell][1], direction, hidden, rank, masked, precision, rows=32)
    assert chosen.path == path, chosen.reason


@pytest.mark.parametrize(
    ("rows", "members", "expected"), [(32, 1, 8), (1056, 1, 8), (4096, 1, 16), (32, 128, 16)]
)
def test_a_full_machine_gets_larger_tiles(rows: int, members: int, expected: int) -> None:
    assert block_rows(rows, members) == expected


def test_wide_products_take_pairs_where_registers_are_short() -> None:
    single = HELD_SINGLY[128]._replace(ahead=2)
    assert fitted(single, 128, wide_products=True) == single._replace(paired=True, ahead=1)
    assert fitted(single, 128, wide_products=False) == single
    for tile, size in ((HELD_SINGLY[64], 64), (HELD[128], 128), (SCALAR[128], 128)):
        assert fitted(tile, size, wide_products=True) == tile


@pytest.mark.parametrize(("size", "expected"), [(1, 16), (16, 16), (17, 32), (100, 128)])
def test_sizes_are_padded_to_powers_of_two(size: int, expected: int) -> None:
    assert padded(size) == expected


def test_the_choice_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    choice._tell.cache_clear()
    choice._chosen.cache_clear()
    sizes = {"gates": 3, "members": 1, "hidden": 512, "rank": None, "masked": False}
    kind = {"dtype": torch.float32, "precision": "bf16", "device": torch.device("cpu")}
    with caplog.at_level(logging.INFO, logger="lrs_kernels"):
        for batch in (4, 5, 4):
            call = choice.Call(
                find_cell("cfc"), "paper", direction="forward", batch=batch, paired=True,
                **sizes, **kind,
            )  # fmt: skip
            choice.choose(call)
    assert [record.getMessage() for record in caplog.records] == [
        "cfc forward, H = 512: 'step' kernel; "
        "3 matrices of 512 x 512 in bf16 exceed a multiprocessor"
    ]
