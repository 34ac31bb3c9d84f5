"""The recurrent matrices of a layer, and what training has added to them (ΔW), gate by gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lrs_lightning.analysis.cells import settled
from lrs_lightning.analysis.spectra import effective_rank, spectral_radius, stable_rank
from lrs_lightning.nn import LRSCfC, LRSLayer

STATES = ("initial", "trained", "change")
"""What is looked at: W before training, W after it, and their difference ΔW."""

_NAMES = {"lstm": ("i", "f", "g", "o"), "gru": ("r", "z", "n"), "rnn": ("h",)}
_CFC_NAMES = {
    "paper": ("G", "H", "F"),
    "default": ("G", "H", "time_a", "time_b"),
    "no_gate": ("G", "H", "time_a", "time_b"),
    "pure": ("a",),
}


@dataclass(frozen=True)
class MatrixSummary:
    """Of the matrices of G gates; each attribute is `(G,)`, but `values (G, n)`."""

    radius: Tensor
    norm: Tensor
    stable_rank: Tensor
    effective_rank: Tensor
    values: Tensor
    """Singular values, descending."""


def summarize_matrices(weight: Tensor) -> MatrixSummary:
    """Sum up recurrent matrices `(G, H, P)`; those that are not square have no radius (NaN)."""
    weight = weight.detach().double()
    values = torch.linalg.svdvals(weight)
    square = weight.shape[-1] == weight.shape[-2]
    radius = spectral_radius(weight) if square else weight.new_full(weight.shape[:1], torch.nan)
    return MatrixSummary(radius, values[:, 0], stable_rank(values), effective_rank(values), values)


def recurrent_matrices(layer: nn.Module) -> list[Tensor]:
    """W_rec `(G, H, P)` of each layer as it acts, a copy in float64.

    Raises:
        ArgumentError: a module without recurrent matrices.
    """
    own = settled(layer)
    if isinstance(own, LRSLayer):
        return [own.recurrent_weight(i).detach() for i in range(own.num_layers)]
    size = (len(gate_names(own)), own.hidden_size, -1)
    return [getattr(own, f"weight_hh_l{i}").detach().view(size) for i in range(own.num_layers)]


def gate_names(layer: nn.Module) -> tuple[str, ...]:
    """Names of the matrices of `recurrent_matrices`, in order; numbers for a cell of one's own."""
    if isinstance(layer, LRSCfC):
        return _CFC_NAMES[layer.mode][: layer.gates]
    known = _NAMES.get(type(layer).__name__.removeprefix("LRS").lower())
    return known or tuple(map(str, range(int(layer.gates))))  # type: ignore[arg-type]


def compare_matrices(
    trained: list[Tensor],
    initial: list[Tensor] | None = None,
    states: Sequence[str] = STATES,
) -> list[dict[str, MatrixSummary]]:
    """For each layer the summary of W, and with the initial weights that of W before and of ΔW.

    Args:
        trained: as `recurrent_matrices` gives them.
        initial: those before training, if known.
        states: which of `STATES` are wanted.

    Returns:
        A dict for each layer, with keys of `states`; "trained" alone without initial matrices.
    """
    found = []
    for depth, weight in enumerate(trained):
        matrices = {"trained": weight}
        if initial is not None:
            matrices |= {"initial": initial[depth], "change": weight - initial[depth]}
        found.append({k: summarize_matrices(w) for k, w in matrices.items() if k in states})
    return found
