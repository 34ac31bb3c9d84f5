"""How C is called: the structure, addresses and strides, and how the work is cut into tiles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ctypes import c_int64
from functools import lru_cache
from struct import Struct
from typing import Any, TypeVar

import torch
from torch import Tensor

from lrs_kernels.cell import Cell
from lrs_kernels.native.build import load_library

_MaybeTensor = TypeVar("_MaybeTensor", Tensor, Tensor | None)

_ROWS_OF_A_TILE = 48
"""Their state and pre-activations at H = 64 fill a first-level cache."""
_WORTH_A_THREAD = 200_000
"""Multiplications that take as long as waking a thread."""


FIELDS = (
    "members", "steps", "batch", "hidden", "gates", "rank", "inputs", "variant", "threads", "tile",
    "weight", "w1", "w2", "mask", "h0", "c0", "bias", "spans", "resets", "w_ih", "b_ih",
    "x", "x_p", "x_t", "x_b", "y", "saved", "cells", "c_n", "time", "packed", "ready",
    "dy", "dy_p", "dy_t", "dy_b", "dh_n", "dc_n", "dz", "dz_recurrent", "dh0", "dc0", "d_spans",
    "dw", "dw1", "dw2", "d_bias", "dx", "dw_ih", "db_ih",
)  # fmt: skip
"""The structure `Scan` of `scan.h`: 64 bits each."""

_STRUCTURE = Struct(f"{len(FIELDS)}q")
NO_ROWS = (0, 0, 0, 0)
"""In the place of an address and its three strides."""


def call(cell: Cell, name: str, dtype: torch.dtype, values: Sequence[int]) -> None:
    """Call a function for this dtype; the interpreter is free meanwhile.

    Args:
        cell: its descriptor.
        name: `forward` or `backward`.
        dtype: float32 or float64.
        values: of `FIELDS`, in their order.

    Raises:
        RuntimeError: there is no compiled code.
        MemoryError: C found no memory.
    """
    if _function(cell, name, dtype)(_STRUCTURE.pack(*values)):
        raise MemoryError("backend 'native' found no memory for its packed weights")


def size_of_packed_weights(cell: Cell, dtype: torch.dtype, values: Sequence[int]) -> int:
    """How many numbers the packed weights of a forward pass take; arguments as of `call`."""
    function = _function(cell, "packed_size", dtype)
    function.restype = c_int64
    return int(function(_STRUCTURE.pack(*values)))


def _function(cell: Cell, name: str, dtype: torch.dtype) -> Any:
    functions, reason = load_library(cell)
    if functions is None:
        raise RuntimeError(f"backend 'native' is not available: {reason}")
    return getattr(functions, f"lrs_{name}_{'f64' if dtype == torch.float64 else 'f32'}")


@lru_cache(maxsize=1024)
def sizes(
    cell: Cell,
    variant: str,
    lead: tuple[int, ...],
    hidden: int,
    gates: int,
    width: int,
    rank: int,
    available: int,
) -> tuple[int, ...]:
    """The first ten of `FIELDS`.

    Args:
        cell: its descriptor.
        variant: one of its forms.
        lead: P, T and B; P may be missing.
        hidden: H.
        gates: G.
        width: I, or 0 where the sequence comes projected.
        rank: r of factors that are multiplied in C, else 0.
        available: threads.

    Returns:
        Sizes, and how the work is divided: a tile for every thread, none beyond the cache.

    """
    members = lead[0] if len(lead) == 3 else 1
    steps, batch = lead[-2:]
    products = members * steps * batch * gates * hidden * (hidden + width)
    threads = max(1, min(available, products // _WORTH_A_THREAD))
    per_member = max(1, threads // members)
    tile = max(1, min(_ROWS_OF_A_TILE, -(-batch // per_member)))
    number = cell.position(variant)
    return members, steps, batch, hidden, gates, rank, width, number, threads, tile


def packed(tensors: Iterable[_MaybeTensor]) -> list[_MaybeTensor]:
    """The tensors without gaps, since C knows no strides but those of x and dy."""
    return [None if tensor is None else tensor.contiguous() for tensor in tensors]


def addresses(tensors: Iterable[Tensor | None]) -> list[int]:
    """Where they lie, null for none; whoever asks keeps them until C has returned."""
    return [0 if tensor is None else tensor.data_ptr() for tensor in tensors]


def rows_of(tensor: Tensor | None) -> tuple[int, int, int, int]:
    """Where the rows of a tensor lie: its address, and its strides over P, T and B."""
    if tensor is None:
        return NO_ROWS
    *lead, by_step, by_row, _ = tensor.stride()
    return tensor.data_ptr(), lead[0] if lead else 0, by_step, by_row


def dense_rows(tensor: _MaybeTensor) -> _MaybeTensor:
    """The last axis must be adjacent in memory; the others may have any stride."""
    return tensor if tensor is None or tensor.stride(-1) == 1 else tensor.contiguous()


def empty_like(tensor: _MaybeTensor) -> _MaybeTensor:
    """Room for a gradient, without gaps."""
    if tensor is None:
        return tensor
    return torch.empty_like(tensor, memory_format=torch.contiguous_format)
