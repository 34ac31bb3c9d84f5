"""How C is called: the structure that it is told."""

from __future__ import annotations

from array import array
from ctypes import CDLL, c_int, c_int64, c_void_p
from functools import lru_cache

import torch

from lrs_kernels.cell import Cell
from lrs_kernels.native.build import load_library

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
_NO_MEMORY = "backend 'native' found no memory for its packed weights"


def compiled(cell: Cell) -> CDLL:
    """The code of a cell.

    Raises:
        RuntimeError: there is none.

    """
    functions, reason = load_library(cell)
    if functions is None:
        raise RuntimeError(f"backend 'native' is not available: {reason}")
    return functions


@lru_cache(maxsize=256)
def functions_of(code: CDLL, dtype: torch.dtype) -> Functions:
    """Those of a library that is loaded."""
    return Functions(code, dtype)


class Functions:
    """What is called in C for a cell and a dtype; the interpreter is free meanwhile.

    All take the structure, an array of type `q`.

    Args:
        code: of the cell.
        dtype: float32 or float64.

    """

    def __init__(self, code: CDLL, dtype: torch.dtype) -> None:
        kind = "f64" if dtype == torch.float64 else "f32"
        names = (("forward", c_int), ("backward", c_int), ("packed_size", c_int64))
        found = [getattr(code, f"lrs_{name}_{kind}") for name, _ in names]
        for function, (_, returns) in zip(found, names, strict=True):
            function.argtypes, function.restype = [c_void_p], returns
        self._forward, self._backward, self._packed_size = found

    def forward(self, told: array[int]) -> None:
        """Run over the sequence.

        Raises:
            MemoryError: C found no memory.

        """
        if self._forward(told.buffer_info()[0]):
            raise MemoryError(_NO_MEMORY)

    def backward(self, told: array[int]) -> None:
        """Walk back.

        Raises:
            MemoryError: C found no memory.

        """
        if self._backward(told.buffer_info()[0]):
            raise MemoryError(_NO_MEMORY)

    def packed_size(self, told: array[int]) -> int:
        """How many numbers the packed weights of a forward pass take."""
        return int(self._packed_size(told.buffer_info()[0]))
