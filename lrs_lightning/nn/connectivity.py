"""The low-rank sparse prior on a recurrent matrix: `W_rec(r, s) = W1(r) W2(r) ⊙ M(s)`.

W1 = U_r Σ_r^½ and W2 = Σ_r^½ V_rᵀ come from the truncated singular value decomposition of an
orthogonal or Glorot matrix; M is drawn once, entry by entry, and never changes. Every gate has
factors and a mask of its own: the stacked matrix of all gates has neither the rank nor the spectral
radius meant.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from lrs_lightning.nn import _checks

INITIALISATIONS = ("orthogonal", "glorot", "uniform")


@dataclass(frozen=True)
class Connectivity:
    """How the recurrent matrices of a layer are wired, stored and initialised.

    Args:
        rows: output size of a gate's recurrent matrix (the hidden size).
        columns: its input size (the hidden size, or `proj_size`).
        gates: number of recurrent matrices G (CfC 3, LSTM 4, GRU 3, RNN 1).
        rank: rank r of W1 W2; None for one dense matrix.
        sparsity: expected fraction s of **zeros** in the mask; 0 for no mask.
        init: `"orthogonal"` (Haar), `"glorot"` (uniform, variance 1/n for n x n), or `"uniform"`
            (torch.nn's own, ±1/sqrt(rows)).
        mask_seed: the mask is a pure function of it, of the layer and of the gate.
        share_mask: one mask for all gates of a layer.
        factor_full_rank: store W1 and W2 even where the rank is full; by default full rank is one
            dense matrix, which has half the numbers.
        scale: factor on the initial matrix (the control of equal spectral radius).

    Raises:
        ArgumentError: rank outside 1 ... min(rows, columns), sparsity outside [0, 1), unknown init.

    Example:
        >>> connectivity = Connectivity(rows=64, columns=64, gates=3, rank=8, sparsity=0.5)
        >>> connectivity.factored, connectivity.draw_mask().shape
        (True, torch.Size([3, 64, 64]))
    """

    rows: int
    columns: int
    gates: int
    rank: int | None = None
    sparsity: float = 0.0
    init: str = "orthogonal"
    mask_seed: int = 0
    share_mask: bool = False
    factor_full_rank: bool = False
    scale: float = 1.0

    def __post_init__(self) -> None:
        _checks.positive("hidden_size", self.rows)
        _checks.rank(self.rank, min(self.rows, self.columns))
        _checks.fraction("sparsity", self.sparsity)
        _checks.choice("init", self.init, INITIALISATIONS)
        _checks.seed("mask_seed", self.mask_seed)

    @cached_property
    def factored(self) -> bool:
        """Whether W1 and W2 are stored, not their product."""
        if self.rank is None:
            return False
        return self.factor_full_rank or self.rank < min(self.rows, self.columns)

    def draw_mask(self, layer: int = 0) -> Tensor | None:
        """The mask M of one layer, `(G, rows, columns)` of 0 and 1; None for sparsity 0."""
        if self.sparsity == 0:
            return None
        drawn = 1 if self.share_mask else self.gates
        masks = [self._draw_gate_mask(layer, gate) for gate in range(drawn)]
        return torch.stack(masks).expand(self.gates, -1, -1).contiguous()

    def disagrees(self, mask: Tensor) -> str | None:
        """What is wrong with a mask that cannot be one of this sparsity; None where it may be."""
        share = 1 - float(mask.double().mean())
        drawn = self.rows * self.columns * (1 if self.share_mask else self.gates)
        deviation = math.sqrt(max(self.sparsity * (1 - self.sparsity), 1e-12) / drawn)
        if abs(share - self.sparsity) <= 6 * deviation + 1 / drawn:
            return None
        return (
            f"has {share:.0%} zeros, but the layer was made for sparsity {self.sparsity:g}: make "
            "it with the sparsity of the file."
        )

    def _draw_gate_mask(self, layer: int, gate: int) -> Tensor:
        # NumPy's seed sequence keeps neighbouring seeds, layers and gates independent.
        random = np.random.default_rng([self.mask_seed, layer, gate])
        keep = random.random((self.rows, self.columns)) >= self.sparsity
        return torch.from_numpy(keep).to(torch.float32)

    def draw_weight(self) -> tuple[Tensor, ...]:
        """Initial recurrent weights of one layer, from torch's global generator.

        They are the same whatever the number of threads, whose sums of products differ.

        Returns:
            `(W1 (G, rows, r), W2 (G, r, columns))`, or the dense `(W (G, rows, columns),)`.
        """
        with _one_thread():
            return self._draw_weight()

    def _draw_weight(self) -> tuple[Tensor, ...]:
        if not self.factored:
            dense = [self._draw_matrix() for _ in range(self.gates)]
            return (self.scale * torch.stack(dense),)
        pairs = [self._draw_factors() for _ in range(self.gates)]
        half = math.sqrt(self.scale)
        return (
            half * torch.stack([w1 for w1, _ in pairs]),
            half * torch.stack([w2 for _, w2 in pairs]),
        )

    def _draw_matrix(self) -> Tensor:
        matrix = torch.empty(self.rows, self.columns, dtype=_wide(torch.get_default_dtype()))
        if self.init == "orthogonal":
            return haar(self.rows, self.columns)
        if self.init == "glorot":
            torch.nn.init.xavier_uniform_(matrix)
        else:
            torch.nn.init.uniform_(matrix, -(self.rows**-0.5), self.rows**-0.5)
        return matrix

    def _draw_factors(self) -> tuple[Tensor, Tensor]:
        assert self.rank is not None
        if self.init == "orthogonal":
            return orthogonal_factors(self._draw_matrix(), self.rank)
        return truncated_factors(self._draw_matrix(), self.rank)


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _wide(kind: torch.dtype) -> torch.dtype:
    """At least float32: no low type has decompositions."""
    return torch.promote_types(kind, torch.float32)


def haar(rows: int, columns: int) -> Tensor:
    """A matrix with orthonormal columns (rows, where it is wide), uniform over all of them."""
    kind = _wide(torch.get_default_dtype())
    tall = torch.randn(max(rows, columns), min(rows, columns), dtype=kind)
    q, r = torch.linalg.qr(tall)
    # Without the signs of R's diagonal, QR does not give the uniform distribution.
    q = torch.mul(q, r.diagonal().sign())
    return q if rows >= columns else q.mT.contiguous()


def truncated_factors(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """The best rank-r approximation of a matrix as two factors (Eckart, Young and Mirsky).

    Args:
        matrix: `(..., rows, columns)`.
        rank: r, from 1 to min(rows, columns).

    Returns:
        W1 = U_r Σ_r^½ `(..., rows, r)` and W2 = Σ_r^½ V_rᵀ `(..., r, columns)`.
    """
    _checks.rank(rank, min(matrix.shape[-2:]))
    u, sigma, v = torch.linalg.svd(matrix.to(_wide(matrix.dtype)), full_matrices=False)
    root = sigma[..., :rank].sqrt()
    w1, w2 = u[..., :rank] * root.unsqueeze(-2), v[..., :rank, :] * root.unsqueeze(-1)
    return w1.to(matrix.dtype), w2.to(matrix.dtype)


def orthogonal_factors(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """`truncated_factors` for a matrix with orthonormal columns (or rows).

    All its singular values are 1, so every orthonormal V is a right basis of it, and which r
    directions survive the truncation is open. A library's routine picks them by accident of its
    algorithm; here they are drawn uniformly, so that no unit of the hidden state is favoured.
    """
    rows, columns = matrix.shape
    if rows >= columns:
        v = haar(columns, rank)
        return matrix @ v, v.t().contiguous()
    u = haar(rows, rank)
    return u, u.t() @ matrix
