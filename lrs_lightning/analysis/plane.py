"""The plane of rank and sparsity at initialisation: closed forms beside what is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lrs_lightning.analysis.recurrence import Recurrence
from lrs_lightning.analysis.spectra import spectral_radius as radius_of
from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import LRSGRU, LRSLSTM, LRSRNN, Connectivity, LRSCfC, LRSLayer, theory

RANKS = (64, 32, 16, 8, 5)
SPARSITIES = (0.0, 0.2, 0.5, 0.8, 0.95)
CELLS: dict[str, tuple[type[LRSLayer], dict[str, Any]]] = {
    "rnn": (LRSRNN, {}),
    "cfc": (LRSCfC, {}),
    "cfc-no-gate": (LRSCfC, {"mode": "no_gate"}),
    "gru": (LRSGRU, {}),
    "lstm": (LRSLSTM, {}),
}


@dataclass(frozen=True)
class Point:
    """One place in the plane: what the closed form says, and what was drawn.

    Args:
        quantity: `radius`, `norm`, or `jacobian`.
        what: the initialisation, or the cell.
        rank: r.
        sparsity: s.
        theory: the closed form.
        draws: one value of each draw.
    """

    quantity: str
    what: str
    rank: int
    sparsity: float
    theory: float
    draws: NDArray[np.float64]


@dataclass(frozen=True)
class Decay:
    """Singular values, descending `(n,)`: of the limiting law, and the mean of each over draws."""

    init: str
    rank: int
    sparsity: float
    theory: NDArray[np.float64]
    drawn: NDArray[np.float64]
    draws: int


def drawn_matrices(
    size: int,
    draws: int = 40,
    ranks: Sequence[int] = RANKS,
    sparsities: Sequence[float] = SPARSITIES,
    seed: int = 0,
) -> tuple[list[Point], list[Decay]]:
    """Radius, norm and decay of W_rec(r, s) over the plane, orthogonal and Glorot.

    Args:
        size: n.
        draws: matrices at each place.
        ranks: those above `size` are left out.
        sparsities: fractions of zeros.
        seed: of weights and masks.
    """
    _check(draws)
    points, decays = [], []
    for init in theory.INITIALISATIONS:
        for rank in _ranks(ranks, size):
            for sparsity in sparsities:
                drawn = _draw(size, rank, sparsity, init, draws, seed)
                values = torch.linalg.svdvals(drawn).numpy()
                place = (rank, sparsity)
                radius = theory.spectral_radius(size, rank, sparsity, init)
                norm = theory.spectral_norm(size, rank, sparsity, init)
                points.append(Point("radius", init, *place, radius, radius_of(drawn).numpy()))
                points.append(Point("norm", init, *place, norm, values[:, 0]))
                expected = theory.singular_values(size, rank, sparsity, init)
                decays.append(Decay(init, *place, expected, values.mean(0), draws))
    return points, decays


def resting_jacobians(
    size: int,
    draws: int = 8,
    ranks: Sequence[int] = RANKS,
    sparsities: Sequence[float] = SPARSITIES,
    seed: int = 0,
) -> list[Point]:
    """Radius of each cell's Jacobian at zero state and input, of layers as they start out.

    Args: as in `drawn_matrices`; the initialisation is orthogonal.
    """
    _check(draws)
    points = []
    for cell in CELLS:
        for rank in _ranks(ranks, size):
            for sparsity in sparsities:
                seeds = range(seed, seed + draws)
                drawn = [_at_rest(cell, size, rank, sparsity, one) for one in seeds]
                expected = theory.jacobian_radius(cell, size, rank, sparsity)
                points.append(Point("jacobian", cell, rank, sparsity, expected, np.array(drawn)))
    return points


def _at_rest(cell: str, size: int, rank: int, sparsity: float, seed: int) -> float:
    layer_class, options = CELLS[cell]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = layer_class(1, size, rank=rank, sparsity=sparsity, mask_seed=seed, **options)
    recurrence = Recurrence.of(layer)
    return float(radius_of(recurrence.jacobians(recurrence.replay(torch.zeros(1, 1, 1))))[0, 0])


def _draw(size: int, rank: int, sparsity: float, init: str, draws: int, seed: int) -> Tensor:
    wiring = Connectivity(size, size, draws, rank, sparsity, init, mask_seed=seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        factors = [part.double() for part in wiring.draw_weight()]
    product = factors[0] if len(factors) == 1 else factors[0] @ factors[1]
    mask = wiring.draw_mask()
    return product if mask is None else product * mask


def _ranks(ranks: Sequence[int], size: int) -> list[int]:
    """The ranks that exist; the largest becomes full rank where none is."""
    kept = [rank for rank in ranks if rank <= size]
    return kept if size in kept else [size, *kept]


def _check(draws: int) -> None:
    if draws < 2:
        raise ArgumentError(f"draws is {draws}: give at least 2, so that they have a spread.")
