"""Post-hoc low rank and sparsity: the control that compresses a dense layer after its training.

A prior acts while a network learns. To tell it from mere compression, a dense layer is trained and
then truncated to rank r (by singular values) or pruned to sparsity s (by magnitude), gate by gate.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lrs_lightning.nn import _checks
from lrs_lightning.nn.connectivity import truncated_factors


def truncate(weight: Tensor, rank: int) -> Tensor:
    """Best rank-r approximation of every gate's matrix, `(G, H, H)` -> `(G, H, H)`."""
    w1, w2 = truncated_factors(weight, rank)
    return w1 @ w2


def magnitude_mask(weight: Tensor, sparsity: float) -> Tensor:
    """1 for the largest entries of every gate by magnitude, 0 for the fraction `sparsity`.

    Args:
        weight: `(G, H, H)`.
        sparsity: fraction of zeros, in [0, 1).
    """
    _checks.fraction("sparsity", sparsity)
    magnitude = weight.detach().abs().flatten(1)  # (G, H H)
    dropped = round(sparsity * magnitude.shape[1])
    mask = torch.ones_like(magnitude)
    mask.scatter_(1, magnitude.argsort(dim=1)[:, :dropped], 0)
    return mask.view_as(weight)


class Compression:
    """Rank and sparsity that a layer's recurrent matrices take in evaluation mode only.

    Args:
        rank: rank to truncate to, or None.
        sparsity: fraction to prune, after the truncation; 0 for none.
        limit: largest rank possible.
    """

    def __init__(self, rank: int | None, sparsity: float, limit: int) -> None:
        _checks.rank(rank, limit, "eval_rank")
        _checks.fraction("eval_sparsity", sparsity)
        self.rank, self.sparsity = rank, sparsity
        self._cache: dict[tuple[object, ...], Tensor] = {}

    @property
    def active(self) -> bool:
        """Whether evaluation differs from training at all."""
        return self.rank is not None or self.sparsity > 0

    def apply(self, weight: Callable[[], Tensor], watched: tuple[Tensor, ...]) -> Tensor:
        """The compressed weight, kept for as long as the tensors in `watched` do not change."""
        if torch.compiler.is_compiling() or any(tensor.is_inference() for tensor in watched):
            # Neither has versions to tell a change by.
            return self._compress(weight())
        key = tuple(part for tensor in watched for part in _fingerprint(tensor))
        if key not in self._cache:
            self._forget(watched)
            self._cache[key] = self._compress(weight())
        return self._cache[key]

    def _forget(self, watched: tuple[Tensor, ...]) -> None:
        addresses = {tensor.data_ptr() for tensor in watched}
        self._cache = {key: kept for key, kept in self._cache.items() if key[0] not in addresses}

    @torch.no_grad()
    def _compress(self, weight: Tensor) -> Tensor:
        if self.rank is not None:
            weight = truncate(weight, self.rank)
        return weight * magnitude_mask(weight, self.sparsity) if self.sparsity else weight

    def __getstate__(self) -> dict[str, object]:
        return {"rank": self.rank, "sparsity": self.sparsity, "_cache": {}}


def _fingerprint(tensor: Tensor) -> tuple[object, ...]:
    # An optimiser's step, a loaded checkpoint and a move to another device all change one of these.
    return tensor.data_ptr(), tensor._version, tensor.device, tensor.dtype
