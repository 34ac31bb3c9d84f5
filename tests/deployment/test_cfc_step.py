"""The step of a CfC in fewer operations is its step."""

from __future__ import annotations

import pytest
import torch

from lrs_lightning.deployment.cfc_step import with_halved_gate
from lrs_lightning.deployment.plain import plain_cells
from lrs_lightning.nn import LRSGRU, LRSCfC


@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize("mode", ["paper", "default", "no_gate"])
def test_it_is_the_step_of_the_cell(mode, timed):
    torch.manual_seed(0)
    layer = LRSCfC(5, 7, rank=3, sparsity=0.4, mode=mode).double()
    (cell,) = plain_cells(layer)
    other = with_halved_gate(cell)
    assert (other is cell) == (mode == "no_gate")
    extras = {"timespans": 2 * torch.rand(4, 1, dtype=torch.float64)} if timed else {}
    x, h = torch.randn(4, 5, dtype=torch.float64), torch.randn(4, 7, dtype=torch.float64)

    def step(one):
        x_proj = torch.nn.functional.linear(x, one.weight_ih, one.bias)
        (after,) = one.variant.reference(
            x_proj, lambda state: state @ one.weight_hh.T, (h,), extras
        )
        return after

    torch.testing.assert_close(step(other), step(cell), rtol=0, atol=1e-15)


def test_other_cells_are_left_alone():
    (cell,) = plain_cells(LRSGRU(5, 7))
    assert with_halved_gate(cell) is cell
