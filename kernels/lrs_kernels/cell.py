"""What a recurrent cell is: one descriptor, which the checks, the dispatcher and all backends read.

A cell needs one thing, the step as written on paper; the loop over time, masks, factors,
resets, populations, gradients and the reports on what runs come by themselves. Hand-written passes
are optional: a cell without them runs on the backend `reference`, and says so.

Letters: P population (may be missing), T time, B batch, G recurrent matrices, H units.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from torch import Tensor

States = tuple[Tensor, ...]
"""One tensor `(P, B, H)` for every state of the cell; the first is what the scan returns."""

Products = Callable[[Tensor], Tensor]
"""A state `(P, B, H)` times all recurrent matrices, side by side: `(P, B, G*H)`."""

Extras = Mapping[str, Tensor]
"""The extra inputs that were given: `(P, B, 1)` for "TB", `(P, 1, H)` for "H" (see `Extra`)."""

Step = Callable[[Tensor, Products, States, Extras], States]
"""`(x, recur, states, extras) -> states`: one step, with x the projected inputs `(P, B, G*H)`."""


@dataclass(frozen=True)
class Extra:
    """An input that not every cell has.

    Attributes:
        axes: "TB" for a number per step and row, `(P, T, B)`; "H" for one per unit, `(P, H)`.
        required: whether the cell cannot do without it.

    """

    axes: Literal["TB", "H"]
    required: bool = False


@dataclass(frozen=True, eq=False)
class Variant:
    """One form of the equations of a cell.

    Attributes:
        reference: the step that defines it.
        gates: numbers G of recurrent matrices that it may have, the usual one first.
        extras: the inputs that it takes beside those of every cell.
        activations: the functions that a step computes for every unit, those of the gates first and
            in their order.
        by_hand: whether the backends of the cell have passes for it.

    """

    reference: Step
    gates: tuple[int, ...]
    extras: Mapping[str, Extra] = field(default_factory=dict)
    activations: tuple[str, ...] = ()
    by_hand: bool = True


@dataclass(frozen=True, eq=False)
class Cell:
    """A recurrent cell.

    Attributes:
        name: what dispatcher, log and registry call it.
        variants: its forms by name.
        states: names of its states, `h` first; a cell with `c` has two.
        saved: blocks of H numbers that the forward pass keeps of a step for the way back, beside
            the states.
        joins_late: whether the input part of the last gate joins after its product with the state,
            as that of the GRU's n does; `bias_n` then stands beside that product.
        cpu: module with the passes as loops of PyTorch calls (`forward` and `backward`, see
            `passes.Passes`), or None.
        native: C header with the steps (see `native/scan.c`), or None.
        triton: module with the steps as Triton functions (its `KERNEL`, see
            `triton/kernels/cell.py`), or None.

    Raises:
        ValueError: if there is no variant, or backends are given that cannot know an input of it.

    """

    name: str
    variants: Mapping[str, Variant]
    states: tuple[str, ...] = ("h",)
    saved: int = 0
    joins_late: bool = False
    cpu: str | None = None
    native: Path | None = None
    triton: str | None = None

    def __post_init__(self) -> None:
        if not self.variants or not self.states:
            raise ValueError(f"cell {self.name!r} needs at least one variant and one state")
        if self.cpu is None and self.native is None and self.triton is None:
            return
        if self.states not in (("h",), ("h", "c")):
            raise ValueError(f"cell {self.name!r}: hand-written passes know the states h and c")
        for name, variant in self.variants.items():
            unknown = set(variant.extras) - {"timespans", "bias_n"}
            if variant.by_hand and unknown:
                raise ValueError(
                    f"cell {self.name!r}, variant {name!r}: hand-written passes do not know "
                    f"{', '.join(sorted(unknown))}; give it by_hand=False"
                )

    @property
    def has_c(self) -> bool:
        """Whether there is a second state."""
        return len(self.states) > 1

    def variant_of(self, gates: int) -> str:
        """The first variant that has so many recurrent matrices; the first of all if none has."""
        for name, variant in self.variants.items():
            if gates in variant.gates:
                return name
        return next(iter(self.variants))

    def position(self, variant: str) -> int:
        """The number by which C knows a variant."""
        return list(self.variants).index(variant)
