"""How C is called: the structure that it is told."""

from __future__ import annotations

from array import array
from ctypes import CDLL, c_int64, c_void_p
from functools import lru_cache
from typing import Any, TypeVar

import torch
from torch import Tensor

from lrs_kernels.cell import Cell
from lrs_kernels.native.build import load_library

_MaybeTensor = TypeVar("_MaybeTensor", Tensor, Tensor | None)

FIELDS = (
    "members", "steps", "batch", "hidden", "gates", "rank", "inputs", "variant", "threads", "tile",
    "weight", "w1", "w2", "mask", "h0", "c0", "spans", "resets", "bias", "w_ih", "b_ih",
    "y", "saved", "cells", "time", "dh_n", "dc_n",
    "x", "x_p", "x_t", "x_b", "dy", "dy_p", "dy_t", "dy_b",
    "h_n", "c_n", "packed", "ready",
    "dz", "dz_recurrent", "dh0", "dc0", "d_spans",
    "dw", "dw1", "dw2", "d_bias", "dx", "dw_ih", "db_ih",
)  # fmt: skip
"""The structure `Scan` of `scan.h`: 64 bits each."""


def call(cell: Cell, name: str, dtype: torch.dtype, told: array[int]) -> None:
    """Call a function for this dtype; the interpreter is free meanwhile.

    Args:
        cell: its descriptor.
        name: `forward` or `backward`.
        dtype: float32 or float64.
        told: the structure, of type `q`.

    Raises:
        RuntimeError: there is no compiled code.
        MemoryError: C found no memory.
    """
    if _function(cell, name, dtype)(told.buffer_info()[0]):
        raise MemoryError("backend 'native' found no memory for its packed weights")


def size_of_packed_weights(cell: Cell, dtype: torch.dtype, told: array[int]) -> int:
    """How many numbers the packed weights of a forward pass take; arguments as of `call`."""
    function = _function(cell, "packed_size", dtype)
    function.restype = c_int64
    return int(function(told.buffer_info()[0]))


def _function(cell: Cell, name: str, dtype: torch.dtype) -> Any:
    functions, reason = load_library(cell)
    if functions is None:
        raise RuntimeError(f"backend 'native' is not available: {reason}")
    return _of_library(functions, name, dtype)


@lru_cache(maxsize=256)
def _of_library(functions: CDLL, name: str, dtype: torch.dtype) -> Any:
    function = getattr(functions, f"lrs_{name}_{'f64' if dtype == torch.float64 else 'f32'}")
    function.argtypes = [c_void_p]
    return function


def empty_like(tensor: _MaybeTensor) -> _MaybeTensor:
    """Room for a gradient, without gaps."""
    if tensor is None or tensor.is_contiguous():
        return tensor if tensor is None else torch.empty_like(tensor)
    return torch.empty_like(tensor, memory_format=torch.contiguous_format)
