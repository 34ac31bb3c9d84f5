"""Passes as one launch per time step, for hidden sizes that fit no multiprocessor.

A pass is described once (`StepPass`) and then run: as plain launches, or, where launching would
take longer than computing, as chunks of steps captured in CUDA graphs (`graph.py`). What a step
needs from the step before the chunk is an `edge`: the initial state, or a step of a sequence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from torch import Tensor

from lrs_kernels.triton import operands as ops

Tensors = dict[str, Tensor | None]


class Edge(NamedTuple):
    """The state before the first step of a chunk."""

    sequence: str
    """Name of the sequence that holds it."""
    initial: Tensor
    """Before step 0, `(P, B, H)`."""


@dataclass
class StepPass:
    """A pass over time, cut where one likes.

    Attributes:
        key: what tells two passes apart beside the shapes of their tensors.
        launch: runs all steps of the tensors it is given, by name.
        sequences: read or written step by step, `(P, T, B, ...)`.
        written: names of the sequences that the pass writes.
        fixed: the same in every step.
        edges: states before a chunk.
        carried: states that `launch` updates in place, `(P, B, H)`.
        backward: whether time runs from T - 1 to 0.

    """

    key: tuple[Any, ...]
    launch: Callable[[Tensors], None]
    sequences: Tensors
    written: tuple[str, ...]
    fixed: Tensors
    edges: dict[str, Edge] = field(default_factory=dict)
    carried: dict[str, Tensor] = field(default_factory=dict)
    backward: bool = False

    @property
    def steps(self) -> int:
        """T."""
        return next(t.shape[1] for t in self.sequences.values() if t is not None)

    def run(self) -> None:
        """Launch all steps on the tensors as they are."""
        edges: Tensors = {name: edge.initial for name, edge in self.edges.items()}
        self.launch({**self.sequences, **self.fixed, **edges, **self.carried})


def previous(tensors: Tensors, edge: str, sequence: str, t: int) -> tuple[Tensor | None, int, int]:
    """The state before step t: its tensor, stride of members, and row of its first state."""
    if edge not in tensors:
        return None, 0, 0
    source = ops.saved(tensors[edge] if t == 0 else tensors[sequence])
    return source, source.stride(0), 0 if t == 0 else (t - 1) * source.shape[2]
