"""Up to which sizes the products in C are as fast as those of PyTorch's library: measured.

With vectors of 512 bits C is ahead nearly everywhere on an AMD EPYC with Zen 5 cores, where the
library has no code for them, and level at batch 1 and H = 512. On an Intel Xeon
(Sapphire Rapids) it has, and large matrices are better left to it, as they are where vectors are
shorter. `python -m benchmarks native-limits` measures both.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import NamedTuple

from lrs_kernels.cell import Cell
from lrs_kernels.native.build import load_library


class Limits(NamedTuple):
    """What C multiplies; infinite where there is no limit."""

    hidden: float
    """H of recurrent matrices whose gradients are summed in C."""
    rank: float
    """of factors that are multiplied in C, and whose gradients are summed there."""
    projection: float
    """Numbers of an input matrix W_ih, `G H I`, that is multiplied in the walk."""

    def take_projection(self, of_w_ih: tuple[int, ...]) -> bool:
        """Whether W_ih of this shape, `(..., G*H, I)`, is one of those."""
        return of_w_ih[-2] * of_w_ih[-1] <= self.projection


_NARROW = Limits(hidden=64, rank=16, projection=131_072)
"""At H = 128 C takes a tenth longer; up to W_ih of 256 x 512, which fills a second-level cache, it
is level with the library or faster, and at 768 x 512 it takes 4 to 17 % longer."""
_WIDE = Limits(*[float("inf")] * 3)
_WIDE_ON_INTEL = Limits(hidden=256, rank=float("inf"), projection=262_144)
"""Up to 200,000 numbers of W_ih C is mostly ahead and at 262,144 level, at 524,288 it takes a
quarter longer; gradients of recurrent matrices of H = 256 are level, of H = 512 it is 0 to 8 %
behind."""
_WIDE_LANES = 16


@lru_cache
def limits(cell: Cell) -> Limits:
    """Those of the code that was compiled for a cell; see `build.load_library`."""
    functions = load_library(cell).functions
    if functions is None or lanes(functions) < _WIDE_LANES:
        return _NARROW
    return _WIDE_ON_INTEL if functions.lrs_intel_f32() else _WIDE


def lanes(functions: ctypes.CDLL) -> int:
    """Numbers in single precision that an instruction takes."""
    return ctypes.c_int.in_dll(functions, "lrs_lanes_f32").value
