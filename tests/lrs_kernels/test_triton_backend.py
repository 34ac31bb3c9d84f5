"""The Triton kernels behind the public functions, in Triton's interpreter where there is no GPU."""

from __future__ import annotations

import os

import pytest
import torch

from lrs_kernels import cfc_scan
from tests.lrs_kernels.cases import CELLS, assert_same, leaves, make_arguments, make_scan

pytest.importorskip("triton")
pytestmark = pytest.mark.skipif(
    os.environ.get("TRITON_INTERPRET") != "1", reason="needs Triton's interpreter"
)


@pytest.mark.parametrize(("scan", "gates"), CELLS)
@pytest.mark.parametrize(
    "options",
    [{}, {"rank": 2, "density": 0.5, "members": 2, "resets": True}],
    ids=["dense", "masked-population"],
)
@pytest.mark.usefixtures("poisoned_empty")
def test_equals_the_loop(scan, gates, options):
    assert_same(scan, make_arguments(scan, 3, 2, 4, gates, **options), backend="triton")


def test_timespans_and_their_gradient():
    assert_same(cfc_scan, make_scan(3, 2, 4, 3, timespans=True), backend="triton")


@pytest.mark.long  # tests/lrs_kernels/triton/test_gradcheck.py has the same sizes of a tile
@pytest.mark.parametrize(("scan", "gates"), CELLS)
def test_gradcheck(scan, gates):
    made = make_arguments(scan, 2, 2, 3, gates, rank=2)
    names = list(made)

    def run(*tensors):
        flat = iter(tensors)
        arguments = {
            name: tuple(next(flat) for _ in value) if isinstance(value, tuple) else next(flat)
            for name, value in zip(names, made.values(), strict=True)
        }
        y, final = scan(**arguments, backend="triton")
        outputs = (y, *final) if isinstance(final, tuple) else (y, final)
        return torch.cat([part.flatten() for part in outputs])  # differences are taken once

    assert torch.autograd.gradcheck(run, leaves(made), fast_mode=True)


def test_what_the_kernels_cannot_do_is_said():
    made = make_scan(2, 1, 3, 1) | {"w_tau": torch.zeros(3).double()}
    made["amplitude"] = made["w_tau"] + 1
    with pytest.raises(
        ValueError, match="cannot run this cfc scan: the variant 'pure' has no hand"
    ):
        cfc_scan(**made, mode="pure", backend="triton")
