"""What can be called from outside, what is taken where an argument is left out, what is printed."""

from pathlib import Path

import ncps.torch
from ncps.wirings import AutoNCP

import lrs_lightning.nn as room
from lrs_lightning.nn import LRSGRU, LRSLSTM, LRSRNN, LRSCfC, from_ncps
from tests.approved import compare, surface

APPROVED = Path(__file__).parent / "approved"


def test_arguments_and_defaults_are_the_approved_ones():
    compare(APPROVED / "surface.txt", "\n".join(surface(room)) + "\n")


def test_what_print_shows_of_a_layer_is_the_approved():
    layers = [
        LRSCfC(5, 8),
        LRSCfC(5, 8, rank=2, sparsity=0.25, batch_first=True, gate="frozen"),
        LRSLSTM(5, 8, 2, proj_size=3, rank=1),
        LRSGRU(5, 8, 3, sparsity=0.5),
        LRSRNN(5, 8, nonlinearity="relu"),
        from_ncps(ncps.torch.CfC(5, AutoNCP(12, 3))),
        from_ncps(ncps.torch.CfC(5, 8, mixed_memory=True, return_sequences=False)),
    ]
    compare(APPROVED / "printed.txt", "\n".join(map(str, layers)) + "\n")
