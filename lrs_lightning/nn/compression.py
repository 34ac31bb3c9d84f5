"""Post-hoc low rank and sparsity: the control that compresses a dense layer after its training.

A prior acts while a network learns. To tell it from mere compression, a dense layer is trained and
then truncated to rank r (by singular values) or pruned to sparsity s (by magnitude), gate by gate.
"""

from __future__ import annotations

from dataclasses import dataclass, field

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


@dataclass
class Compression:
    """Rank and sparsity that a layer's recurrent matrices take in evaluation mode only.

    Args:
        rank: rank to truncate to, or None.
        sparsity: fraction to prune, after the truncation; 0 for none.
        limit: largest rank possible.
    """

    rank: int | None
    sparsity: float
    limit: int
    _kept: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        _checks.rank(self.rank, self.limit, "eval_rank")
        _checks.fraction("eval_sparsity", self.sparsity)

    @property
    def active(self) -> bool:
        """Whether evaluation differs from training at all."""
        return self.rank is not None or self.sparsity > 0

    def apply(self, weight: Tensor, layer: int) -> Tensor:
        """The compressed weight `(G, H, H)` of one layer, without gradient.

        The last result is kept and handed out for as long as the numbers are the same. Nothing
        less than the numbers tells: an address can be used again, and a change through `.data`
        leaves no trace.
        """
        if not _comparable(weight):
            return self.compress(weight)
        seen, result = self._kept.get(layer, (None, None))
        if seen is None or result is None or not _same(seen, weight):
            # A tensor of inference mode could not be used where gradients are wanted later.
            with torch.inference_mode(False):
                seen, result = weight.detach().clone(), self.compress(weight)
            self._kept[layer] = seen, result
        return result

    @torch.no_grad()
    def compress(self, weight: Tensor) -> Tensor:
        """Truncate and prune; a low type has no singular values, so float32 stands in for it."""
        wide = weight.to(torch.promote_types(weight.dtype, torch.float32))
        if self.rank is not None:
            wide = truncate(wide, self.rank)
        if self.sparsity:
            wide = wide * magnitude_mask(wide, self.sparsity)
        return wide.to(weight.dtype)

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_kept": {}}


def _comparable(weight: Tensor) -> bool:
    """Whether the numbers can be looked at: not in a graph, under vmap, or where there are none."""
    if torch.compiler.is_compiling() or weight.is_meta:
        return False
    return not torch._C._functorch.is_functorch_wrapped_tensor(weight)


def _same(one: Tensor, other: Tensor) -> bool:
    return one.dtype == other.dtype and one.device == other.device and torch.equal(one, other)
