"""What drives the gates: the past through W_rec h, or the present through W_in x.

Along a trajectory three sets of vectors are looked at for each gate: recurrent-driven `W_g h`,
input-driven `W_in,g x`, and their sum, the pre-activations; and beside them the states h.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lrs_lightning.analysis.cells import Cell
from lrs_lightning.analysis.dimensions import Dimensions, dimensions

DRIVES = ("recurrent", "input", "sum")


@dataclass(frozen=True)
class Drives:
    """Of one layer along trajectories.

    Args:
        state: dimensions of h.
        gates: gate -> drive (`DRIVES`) -> dimensions.
        recurrent_share: gate -> `var(W h) / (var(W h) + var(W_in x))`, variances summed over units.
    """

    state: Dimensions
    gates: dict[str, dict[str, Dimensions]]
    recurrent_share: dict[str, float]


@torch.no_grad()
def drives(cell: Cell, inputs: Tensor, before: Tensor, after: Tensor) -> Drives:
    """Take the pre-activations of a layer apart.

    Args:
        cell: of the layer.
        inputs: `(M, I)`, of steps in any order.
        before: states before these steps, `(M, S)`.
        after: states after them, `(M, S)`.
    """
    recurrent = cell.recur(before)  # (M, G, H)
    entering = cell.by_gate(cell.project(inputs) - cell.bias)
    found, share = {}, {}
    for g, name in enumerate(cell.names):
        past, present = recurrent[:, g], entering[:, g]
        parts = [dimensions(part) for part in (past, present, past + present)]
        found[name] = dict(zip(DRIVES, parts, strict=True))
        both = parts[0].variance + parts[1].variance
        share[name] = parts[0].variance / both if both > 0 else torch.nan
    return Drives(dimensions(after[:, : cell.output_size]), found, share)
