"""How many parameters there are, of which kind, and how many of them act.

Three counts of a recurrent matrix, since "fewer parameters" can mean each of them:

- stored: numbers in memory, n² dense or 2nr with factors; a mask takes nothing away.
- effective: non-zero connections of W_rec, (1 - s) n² in expectation.
- free: what training can move: stored, but without the masked entries of a dense matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from lrs_lightning.nn.encoders.base import Encoder
from lrs_lightning.nn.recurrent import LRSLayer


@dataclass(frozen=True)
class ParameterCount:
    """Numbers of parameters of a module; `total_*` includes everything."""

    recurrent: int
    """Stored recurrent numbers."""

    recurrent_effective: int
    """Non-zero entries of all recurrent matrices W1 W2 ⊙ M."""

    recurrent_free: int
    """Recurrent numbers that training can move."""

    input: int
    """Input weights of recurrent layers."""

    bias: int
    """Biases of recurrent layers."""

    other: int
    """Everything else: encoder, head, projections."""

    frozen: int = 0
    """Those of them that are not trained, of a frozen encoder."""

    @property
    def total(self) -> int:
        """All numbers stored."""
        return self.recurrent + self.input + self.bias + self.other

    @property
    def total_free(self) -> int:
        """All that training can move."""
        return self.total - self.recurrent + self.recurrent_free - self.frozen


def count_parameters(module: nn.Module) -> ParameterCount:
    """Count the parameters of a layer, or of a policy that holds some.

    Example:
        >>> from lrs_lightning.nn import LRSCfC
        >>> count = count_parameters(LRSCfC(256, 64, rank=8))
        >>> count.recurrent, count.input, count.bias
        (3072, 49152, 192)
    """
    recurrent = effective = free = inputs = biases = 0
    seen: set[int] = set()

    def numel(*parts: Tensor) -> int:
        """Numbers not counted yet: tied weights are stored once."""
        new = [part for part in parts if id(part) not in seen]
        seen.update(id(part) for part in new)
        return sum(part.numel() for part in new)

    for layer in (part for part in module.modules() if isinstance(part, LRSLayer)):
        for depth in range(layer.num_layers):
            stored = numel(*layer.stored_weight(depth))
            acting = _connections(layer, depth) if stored else 0
            recurrent += stored
            effective += acting
            free += stored if layer.connectivity.factored else acting
            inputs += numel(layer.part("weight_ih", depth))
            biases += numel(*(layer.part(name, depth) for name in layer.bias_names))
    total = sum(parameter.numel() for parameter in module.parameters())
    other = total - recurrent - inputs - biases
    encoders = (part for part in module.modules() if isinstance(part, Encoder) and part.frozen)
    frozen = sum(parameter.numel() for part in encoders for parameter in part.parameters())
    return ParameterCount(recurrent, effective, free, inputs, biases, other, frozen)


def told_of_parameters(policy: nn.Module) -> dict[str, int]:
    """How many a policy has, for `summary.json`; and how many of them are a frozen encoder's."""
    count = count_parameters(policy)
    frozen = {"frozen_parameters": count.frozen} if count.frozen else {}
    return {"parameters": count.total, **frozen}


def _connections(layer: LRSLayer, depth: int) -> int:
    wired, mask = layer.connectivity, layer.mask(depth)
    if mask is None:
        return wired.gates * wired.rows * wired.columns
    if mask.is_meta:  # no values there, but the same ones can be drawn
        mask = wired.draw_mask(depth)
        assert mask is not None
    return int(mask.sum())


def matched_hidden_size(target: int, count: Callable[[int], int], largest: int) -> int:
    """The hidden size whose count comes nearest to a target.

    Args:
        target: number of parameters to match.
        count: parameters as a function of the hidden size; must grow with it.
        largest: the largest size to consider.

    Example:
        >>> matched_hidden_size(3072, lambda size: 3 * size**2, largest=64)
        32
    """
    low, high = 1, largest
    while low < high:
        middle = (low + high) // 2
        if count(middle) < target:
            low = middle + 1
        else:
            high = middle
    return min(
        (size for size in (low - 1, low) if size >= 1), key=lambda size: abs(count(size) - target)
    )
