"""The rule for `torch.vmap`: what is mapped over becomes the population that every pass has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

NOTHING = (0,)
"""The shape of what the operators take or return in the place of an absent tensor."""


def over_members(
    function: Callable[..., Sequence[Tensor | None]],
    size: int,
    in_dims: Any,
    arguments: Any,
    h0: int,
) -> tuple[Any, Any]:
    """Run a function of a single model, or of a population, for all that vmap maps over.

    Tensors that are not mapped are the same for all members. A population that is mapped over
    becomes a larger one, so nested maps end in one call of the kernels too.

    Args:
        function: what to run; all its tensors have the axis P in front, or none has.
        size: how many there are.
        in_dims: the mapped axis of every argument, or None.
        arguments: those of the function, values beside tensors.
        h0: position of the initial state, `(B, H)` or `(P, B, H)`, among them.

    Returns:
        What the function returns, with the mapped axis first, and where that is (0, or None).

    """
    populated = arguments[h0].dim() - (in_dims[h0] is not None) == 3
    results = function(
        *(
            _spread(part, axis, size, populated) if _there(part) else part
            for part, axis in zip(arguments, in_dims, strict=True)
        )
    )
    kind = list if isinstance(results, list) else tuple
    if populated:
        results = kind(_apart(part, size) for part in results)
    return results, kind(0 if _there(part) else None for part in results)


def _apart(part: Tensor | None, size: int) -> Tensor | None:
    """`(V * P, ...)` to `(V, P, ...)`."""
    if part is None or not _there(part):
        return part
    return part.reshape(size, -1, *part.shape[1:])


def _there(part: Any) -> bool:
    return isinstance(part, Tensor) and part.shape != NOTHING


def _spread(part: Tensor, axis: int | None, size: int, populated: bool) -> Tensor:
    """The mapped axis in front, or in front of P and merged with it."""
    if axis is None:
        part = part.expand(size, *part.shape)
    elif axis:  # a move to where it is costs a node of the graph all the same
        part = part.movedim(axis, 0)
    return part.flatten(0, 1) if populated else part
