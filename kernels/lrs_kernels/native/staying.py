"""Weights that stay as they are from call to call, in a closed loop: C packs them once.

In every call C forms `W1 W2 * M` and packs all weights, as they may have changed. For one step of a
few rows that takes as long as the step itself, and longer for many members. Within `weights_stay`
what was packed is kept and known again. It is the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from torch import Tensor

_LIMIT = 16
"""Layers that are kept; where weights are made anew in every call, so many calls."""


@dataclass
class Place:
    """Packed weights of a layer."""

    weights: tuple[Tensor | None, ...]
    """What they are packed from: while these are held nothing else can lie at their addresses."""
    memory: Tensor
    ready: bool = False
    """Whether they are there."""


class PackedWeights:
    """Those of the layers of a policy, by the tensors that they are packed from.

    A layer is known by where its tensors lie, how, and how often they have been written to, as
    PyTorch counts it. Not seen is what a fused optimiser writes, or who goes through `.data`: so
    weights stay where a loop has some of its own, and not where they are trained. A copy is empty.
    """

    def __init__(self) -> None:
        self._places: dict[tuple[Any, ...], Place] = {}

    def place(
        self, weights: Sequence[Tensor | None], allocate: Callable[[], Tensor]
    ) -> Place | None:
        """Where the packed weights of a layer are, or shall be.

        Args:
            weights: of the layer, as they are stored.
            allocate: makes the memory, where the layer is not known.

        Returns:
            None where nobody counts what is written: those are tensors of inference mode.
        """
        given = [part for part in weights if part is not None]
        if any(part.is_inference() for part in given):
            return None
        key = tuple([
            None if t is None else (t.data_ptr(), t._version, t.shape, t.stride(), t.dtype)
            for t in weights
        ])  # fmt: skip
        found = self._places.get(key)
        if found is None:
            if len(self._places) >= _LIMIT:
                del self._places[next(iter(self._places))]
            found = self._places[key] = Place(tuple(weights), allocate())
        return found

    def __reduce__(self) -> tuple[type[PackedWeights], tuple[()]]:
        return PackedWeights, ()


_staying: ContextVar[PackedWeights | None] = ContextVar("staying", default=None)


def staying() -> PackedWeights | None:
    """Where weights are kept now; None where they may change from call to call."""
    return _staying.get()


@contextmanager
def weights_stay(packed: PackedWeights) -> Iterator[None]:
    """Pack the weights of forward passes that save nothing once, and keep them there."""
    token = _staying.set(packed)
    try:
        yield
    finally:
        _staying.reset(token)
