"""What a shift does to the gates: the same states, read with clean and with shifted sensors.

For each step the gates are computed twice from the state that the clean replay had before it, once
with the clean input and once with the shifted one. Then one gate at a time is held at its clean
value: if the action moves less, this gate carries the shift to the action; if it moves more, the
gate works against it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lrs_lightning.analysis.cells import Activations, Cell
from lrs_lightning.analysis.correlations import spearman


@dataclass(frozen=True)
class GateShift:
    """Of the first recurrent layer, over M steps.

    Args:
        clean: gate values with clean sensors, `(M, G, H)`.
        shifted: with shifted ones.
        moved: mean absolute change over units of each gate and step, `(M, G)`.
        input_moved: root mean square change of the observation at each step, `(M,)`, in deviations.
        share: of the interpolating gate's first term in the state, `(clean, shifted)`: a CfC's
            `f k` beside `(1 - f) g`; None without such a gate.
        output_moved: root mean square change of the layer's effect, `(M,)`.
        held: gate -> the same while this gate keeps its clean value, `(M,)`.
        names: of the gates.
    """

    clean: Tensor
    shifted: Tensor
    moved: Tensor
    input_moved: Tensor
    share: tuple[float, float] | None
    output_moved: Tensor
    held: dict[str, Tensor]
    names: tuple[str, ...]

    def correlation(self, gate: str) -> float:
        """Spearman's rank correlation of a gate's movement with the size of the shift."""
        moved = self.moved[:, self.names.index(gate)]
        return spearman(moved.numpy(), self.input_moved.numpy()).value

    def held_ratio(self, gate: str) -> float:
        """Movement of the output with this gate held, as a share of that with none held."""
        whole = self.output_moved.mean()
        return float(self.held[gate].mean() / whole) if float(whole) > 0 else torch.nan


@torch.no_grad()
def gate_shift(
    cell: Cell,
    before: Tensor,
    clean: Tensor,
    shifted: Tensor,
    input_moved: Tensor,
    read_out: Callable[[Tensor], Tensor] | None = None,
) -> GateShift:
    """Read the same states with clean and with shifted inputs.

    Args:
        cell: of the first layer.
        before: states before the steps, `(M, S)`, from a clean replay.
        clean: inputs of the layer, `(M, I)`.
        shifted: the same, seen by shifted sensors.
        input_moved: how far the observations moved, `(M,)`.
        read_out: from h `(M, P)` to what is judged, e.g. the action; h itself by default.
    """
    read = read_out or (lambda h: h)
    projected, disturbed = cell.project(clean), cell.project(shifted)
    calm, moved = cell.activate(projected, before), cell.activate(disturbed, before)
    reference = read(calm.after[:, : cell.output_size])

    def distance(now: Activations) -> Tensor:
        change = read(now.after[:, : cell.output_size]) - reference
        return change.square().mean(-1).sqrt()

    held = {}
    for g, name in enumerate(cell.names):
        mixed = cell.by_gate(disturbed).clone()
        mixed[:, g] = cell.by_gate(projected)[:, g]
        held[name] = distance(cell.activate(mixed.flatten(1), before))
    return GateShift(
        clean=calm.gates,
        shifted=moved.gates,
        moved=(moved.gates - calm.gates).abs().mean(-1),
        input_moved=input_moved,
        share=_shares(cell, before, calm, moved),
        output_moved=distance(moved),
        held=held,
        names=cell.names,
    )


def first_share(cell: Cell, before: Tensor, now: Activations) -> float | None:
    """Mean share of the first term, `|first| / (|first| + |second|)`, norms over all units."""
    terms = cell.mixed(before, now)
    if terms is None:
        return None
    first, second = (term.norm(dim=-1) for term in terms)
    return float((first / (first + second).clamp_min(1e-300)).mean())


def _shares(
    cell: Cell, before: Tensor, calm: Activations, moved: Activations
) -> tuple[float, float] | None:
    clean, shifted = first_share(cell, before, calm), first_share(cell, before, moved)
    return None if clean is None or shifted is None else (clean, shifted)
