"""What a kernel is compiled for: the cell, and its sizes and types, as one compile-time argument.

There are two kernels for whole sequences (`scan.py`) and two for single steps (`step.py`); a cell
enters them as a pair of functions. All values of one launch that never change in it travel together
as `K`, so that a function of a kernel takes its data and `K`, nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lrs_kernels.triton.table import Factored, Resident


@dataclass(frozen=True, eq=False)
class Functions:
    """A variant of a cell, as a pair of Triton functions.

    Attributes:
        step: `(z, x, state, cell, K) -> saved, state, cell`: from pre-activations z = x + W h, G
            tiles `(BB, HP)`, inputs x and the old states to what is saved and the new states.
        grad: `(d, d_cell, saved, now, before, K) -> dz, dz_h, direct, d_cell`: from dL/dh_t and
            dL/dc_t to the gradients of inputs and recurrent products, G tiles each, to what reaches
            h_{t-1} beside the products, and to dL/dc_{t-1}.
        history: the states that `grad` wants as `now` (at t): `y`, `cells` or none.
        wants_before: whether it wants them at t - 1 too.

    """

    step: Any
    grad: Any
    history: str | None = None
    wants_before: bool = False


@dataclass(frozen=True, eq=False)
class CellKernels:
    """What the file of a cell brings: its functions, and how their kernels are compiled.

    Attributes:
        functions: by variant.
        resident: tiles with the matrices on chip.
        factored: tiles with the factors on chip.

    """

    functions: Mapping[str, Functions]
    resident: Resident = field(default_factory=dict)
    factored: Factored = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class KernelCell:
    """A recurrent cell as a kernel sees it: one variant with one number of matrices.

    Attributes:
        name: for log and reports.
        gates: G, recurrent matrices.
        saved: tiles that the forward pass saves for the way back, beside the states.
        after: a gate whose input part joins after its product, within `step`; -1 is none.
        functions: step and grad.
        tables: where the tiles are; no part of what kernels are compiled for.

    """

    name: str
    gates: int
    saved: int
    after: int
    functions: Functions
    tables: CellKernels = field(repr=False, compare=False)

    @property
    def step(self) -> Any:
        """`functions.step`."""
        return self.functions.step

    @property
    def grad(self) -> Any:
        """`functions.grad`."""
        return self.functions.grad


@dataclass(frozen=True, eq=False)
class Constants:
    """Compile-time arguments; capital letters as in `weights.py` and `step.py`.

    Made once for each kind of call (`operands.constants`) and compared by identity: every launch
    looks its kernel up by them.

    Attributes:
        cell: the cell.
        H: hidden size.
        BB: batch rows of a program.
        DT: type that operands of products are rounded to.
        OP: type they are multiplied in.
        ACC: type of sums.
        PREC: precision of the products.
        FAST: approximate tanh and sigmoid.
        HP: hidden size, padded.
        R: rank, 0 for dense weights.
        RP: rank, padded.
        FACTORED: multiply by W2 and W1 in turn.
        PRODUCT: precision of W1 @ W2 in the prologue.
        AHEAD: steps that what a step reads is asked for before.
        DIRECT: threads read and write the elements that they hold (`tiles.py`).
        PAIRED: units lie in tiles so that threads reach two at once (`tiles.py`).
        FLIPPED: products are formed transposed (`weights.py`).
        HELD: matrices are kept in registers (`weights.py`).
        BN: hidden units of a program that runs one step.
        BK: inputs that it multiplies at a time.

    """

    cell: KernelCell
    H: int
    BB: int
    DT: Any
    OP: Any
    ACC: Any
    PREC: str
    FAST: bool
    HP: int = 0
    R: int = 0
    RP: int = 0
    FACTORED: bool = False
    PRODUCT: str = "ieee"
    AHEAD: int = 1
    DIRECT: bool = False
    PAIRED: bool = False
    FLIPPED: bool = False
    HELD: bool = False
    BN: int = 0
    BK: int = 0

    @property
    def cache_key(self) -> str:
        """What Triton's cache knows these constants by: the source of the cell is part of it."""
        return f"{self}{self.cell.step.cache_key}{self.cell.grad.cache_key}"
