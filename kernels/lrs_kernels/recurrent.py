"""The recurrent weights of a cell as they are stored: dense or low rank, with a mask or without.

Letters: P members of a population, G recurrent matrices of the cell, H hidden size, r rank. Every
shape below may stand without its leading P. A matrix maps h to a pre-activation, so it is
(out, in): `z_g = x_g + W_g h`, written for rows as `h @ W_g.T`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad


class Recurrent(NamedTuple):
    """Recurrent weights `W1 @ W2 * M` per gate (Tumma et al. 2024), or dense ones.

    Attributes:
        dense: `(P, G, H, H)`, or None where the weights are low rank.
        w1: left factor, `(P, G, H, r)`, or None where the weights are dense.
        w2: right factor, `(P, G, r, H)`, or None where the weights are dense.
        mask: 1 where a connection exists and 0 elsewhere, `(P, G, H, H)`; None means all ones.

    """

    dense: Tensor | None
    w1: Tensor | None
    w2: Tensor | None
    mask: Tensor | None

    @classmethod
    def of(cls, weight: Tensor | tuple[Tensor, Tensor], mask: Tensor | None = None) -> Recurrent:
        """Name the parts of a weight given as one dense tensor or as a pair of factors."""
        if isinstance(weight, Tensor):
            return cls(weight, None, None, mask)
        return cls(None, weight[0], weight[1], mask)

    @property
    def reference(self) -> Tensor:
        """A part that is always there, for its device, dtype and leading shape."""
        part = self.w1 if self.dense is None else self.dense
        assert part is not None
        return part

    @property
    def factors(self) -> tuple[Tensor, Tensor]:
        """W1 and W2 of low-rank weights."""
        if self.w1 is None or self.w2 is None:
            raise ValueError("the recurrent weights are dense: they have no factors W1 and W2")
        return self.w1, self.w2

    @property
    def gates(self) -> int:
        """G; 0 where the weights are no matrices."""
        shape = self.reference.shape
        return shape[-3] if len(shape) > 2 else 0

    def effective(self) -> Tensor:
        """The matrices the cell multiplies by, mask applied: `(P, G, H, H)`."""
        weight = self.dense if self.dense is not None else torch.matmul(*self.factors)
        return weight if self.mask is None else weight * self.mask


def stack_factors(members: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Factors of models of different rank as those of one population.

    The smaller ranks are filled up with zeros on both sides. The gradient of either factor is a
    product with the other, so the filling gets none and stays zero in training.

    Args:
        members: per model W1 `(G, H, r_p)` and W2 `(G, r_p, H)`.

    Returns:
        W1 `(P, G, H, r)` and W2 `(P, G, r, H)` with the largest rank r.

    Raises:
        ValueError: if there is no member.

    """
    if not members:
        raise ValueError("members is empty: a population needs at least one pair of factors")
    rank = max(w1.shape[-1] for w1, _ in members)
    left = [pad(w1, (0, rank - w1.shape[-1])) for w1, _ in members]
    right = [pad(w2, (0, 0, 0, rank - w2.shape[-2])) for _, w2 in members]
    return torch.stack(left), torch.stack(right)
