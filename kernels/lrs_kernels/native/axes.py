"""How the axes of sequences and final states stand in a call; in memory steps come first."""

from __future__ import annotations

from typing import NamedTuple


class Axes(NamedTuple):
    """As `recurrent_scan` has them, or as a module of torch.nn does."""

    batch_first: bool = False
    """Sequences are `(P, B, T, ...)` in the place of `(P, T, B, ...)`."""
    layers: bool = False
    """Final states have an axis of one layer before all others."""

    def of_final(self, lead: tuple[int, ...], hidden: int) -> tuple[int, ...]:
        """Shape of a final state; `lead`: P, T and B, where P may be missing."""
        return (*(1,) * self.layers, *lead[:-2], lead[-1], hidden)

    def of_sequence(
        self, lead: tuple[int, ...], size: int
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Shape and strides of a sequence without gaps; `size`: its last axis."""
        *members, steps, batch = lead
        apart = [steps * batch * size for _ in members]
        if self.batch_first:
            return (*members, batch, steps, size), (*apart, size, batch * size, 1)
        return (*members, steps, batch, size), (*apart, batch * size, size, 1)

    @property
    def of_steps_and_rows(self) -> tuple[int, int]:
        """Where the axes of T and B are in a sequence, counted from its end."""
        return (-2, -3) if self.batch_first else (-3, -2)


TIME_FIRST = Axes()
