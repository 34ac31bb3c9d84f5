"""Passes as one launch per time step, for hidden sizes that fit no multiprocessor.

A pass is described once (`StepPass`) and then run: as plain launches, or, where launching would
take longer than computing, as chunks of steps captured in CUDA graphs (`graph.py`). What a step
needs from the step before the chunk is an `edge`: the initial state, or a step of a sequence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from lrs_kernels.recurrent import Recurrent
from lrs_kernels.triton import operands as ops
from lrs_kernels.triton.config import STEP_TILE, padded

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


def step_constants(hidden: int, precision: str) -> dict[str, Any]:
    """The compile-time arguments of the step kernels.

    Args:
        hidden: hidden size H.
        precision: `ieee`, `tf32`, `tf32x3`, `bf16` or `float64`.

    """
    wide, low = precision == "float64", precision == "bf16"
    rounded = tl.float64 if wide else tl.bfloat16 if low else tl.float32
    tile = STEP_TILE
    return {
        "H": hidden,
        "BB": tile.block_b,
        "BN": min(tile.block_n, padded(hidden)),
        # Three products for one need the registers of a block twice as long.
        "BK": min(tile.block_k // 2 if precision == "tf32x3" else tile.block_k, padded(hidden)),
        "DT": rounded,
        "OP": tl.float32 if low and ops.INTERPRETED else rounded,
        "ACC": tl.float64 if wide else tl.float32,
        "PREC": "ieee" if wide or low else precision,
        "FAST": low and not ops.INTERPRETED,
        "num_warps": tile.num_warps,
        "num_stages": tile.num_stages,
        "enable_fp_fusion": True,
    }


def step_grid(batch: int, hidden: int, members: int) -> tuple[int, int, int]:
    """Batch tiles, unit tiles, members."""
    block_n = min(STEP_TILE.block_n, padded(hidden))
    return triton.cdiv(batch, STEP_TILE.block_b), triton.cdiv(hidden, block_n), members


def effective(recurrent: Recurrent, dtype: torch.dtype, precision: str) -> Tensor:
    """The matrices the steps multiply by, `(P, G, H, H)`, rounded once instead of in every step."""
    low = precision == "bf16" and dtype != torch.float64
    kept = torch.bfloat16 if low else torch.float64 if dtype == torch.float64 else torch.float32
    weight = recurrent.effective().to(kept)
    return weight if weight[0].is_contiguous() else weight.contiguous()


def previous(tensors: Tensors, edge: str, sequence: str, t: int) -> tuple[Tensor, int, int]:
    """The state before step t: its tensor, stride of members, and row of its first state."""
    source = ops.saved(tensors[edge] if t == 0 else tensors[sequence])
    return source, source.stride(0), 0 if t == 0 else (t - 1) * source.shape[2]
