"""How the layers of a module run over time: one scan for each, stacked in depth."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from lrs_kernels import Cell, recurrent_layer, recurrent_scan
from lrs_kernels.dispatch import choose
from lrs_kernels.native.limits import limits
from lrs_lightning.nn.parameters import LayerParameters, Weight


class LayerScans(LayerParameters):
    """The scans of `LRSLayer`, which says how it is made and called."""

    cell: ClassVar[Cell]
    backend: str
    dropout: float

    @property
    def variant(self) -> str:
        """Which of the cell's equations; the first by default."""
        return next(iter(self.cell.variants))

    @property
    def gates(self) -> int:
        """Number of recurrent matrices G."""
        return self.cell.variants[self.variant].gates[0]

    @property
    def states(self) -> int:
        """Parts of the state: 1, or 2 where there is a c beside h."""
        return len(self.cell.states)

    @property
    def rows_apart(self) -> bool:
        """Whether the rows of a batch never meet in a product of a library: on `native`, in C.

        A layer with a projection or a run of its own says for itself whether that is so.
        """
        if next(self.parameters()).device.type != "cpu" or not self._projects_plainly(None):
            return False
        native = choose(self.backend, self.cell, self.variant, "cpu").backend == "native"
        shapes = [self.input_part(layer)[0].shape for layer in range(self.num_layers)]
        return native and all(map(limits(self.cell).take_projection, shapes))

    @property
    def stacks_exactly(self) -> bool:
        """Whether weights of a stack of such layers are formed as those of one, to the last bit.

        C does so; a product of the library adds up a stack of factors in another order.
        """
        rank = self.connectivity.rank if self.connectivity.factored else 0
        return (rank or 0) <= limits(self.cell).rank

    @property
    def knows_time(self) -> bool:
        """Whether the cell takes the time between steps."""
        return "timespans" in self.cell.variants[self.variant].extras

    def extras(self, layer: int) -> dict[str, Tensor]:
        """Further inputs of the cell, by the names of its descriptor: none by default."""
        return {}

    def scan(
        self,
        x: Tensor,
        state: tuple[Tensor, ...],
        timespans: Tensor | None,
        resets: Tensor | None,
        layer: int,
        valid: Tensor | None = None,
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """One layer over time, `(T, B, I)` -> `(T, B, H)` and its final state, each `(B, H)`.

        Where `valid`, `(T, B)`, is False there is padding, in which the first layer sees zeros: all
        of the state but h must stay as it is, and what becomes of h is nobody's concern.
        """
        weight, mask = self.weight_for_scan(layer)
        if self._projects_plainly(valid):
            extras: dict[str, Any] = self.extras(layer)
            if timespans is not None:
                extras = {**extras, "timespans": timespans}
            return recurrent_layer(
                self.cell, x, *self.input_part(layer), weight, state, mask, resets,
                variant=self.variant, backend=self.backend, **extras,
            )  # fmt: skip
        x_proj = self.hold(self.project_input(x, layer), valid)
        options = {"mask": mask, "timespans": timespans, "resets": resets}
        return self.run_cell(x_proj, weight, state, layer, **options)

    def _projects_plainly(self, valid: Tensor | None) -> bool:
        """Whether the cell sees `W x + b` as it is, so that its scan may compute it on the way.

        A layer that has a projection, a padding or a run of its own is asked for it.
        """
        kind = type(self)
        return (
            (valid is None or kind.hold is LayerScans.hold)
            and kind.project_input is LayerParameters.project_input
            and kind.run_cell is LayerScans.run_cell
        )

    @property
    def is_plain(self) -> bool:
        """Whether a layer is its cell on `W x + b`, with nothing of one's own on the way.

        A call that starts at zero then goes to the kernels as it is. A layer with a `scan` of its
        own says for itself whether that is so.
        """
        return runs_plainly(type(self), LayerScans)

    @property
    def can_hold(self) -> bool:
        """Whether `hold` can be called with padding."""
        return self.states == 1

    @property
    def stays_small(self) -> bool:
        """Whether no input can make h large, so that it may run on in padding: not if in doubt."""
        return False

    def hold(self, x_proj: Tensor, valid: Tensor | None) -> Tensor:
        """Projected inputs that leave the state as it is in padding, but for h."""
        return x_proj

    def run_cell(
        self,
        x_proj: Tensor,
        weight: Weight,
        state: tuple[Tensor, ...],
        layer: int,
        **options: Tensor | None,
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The cell over time on projected inputs `(T, B, G H)`; `options` of `recurrent_scan`.

        An option that is None is left out.
        """
        given: dict[str, Any] = {**self.extras(layer), **options}
        return recurrent_scan(
            self.cell, x_proj, weight, state, variant=self.variant, backend=self.backend, **given
        )

    def run(
        self,
        x: Tensor,
        state: tuple[Tensor, ...],
        timespans: Tensor | None,
        resets: Tensor | None,
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """All layers over time: `(T, B, I)`, states `(layers, B, H)` -> `(T, B, H)`, states."""
        outputs, final = self.through_layers(x, state, timespans, resets)
        return outputs[-1], final

    def through_layers(
        self,
        x: Tensor,
        state: tuple[Tensor, ...],
        timespans: Tensor | None,
        resets: Tensor | None,
        valid: Tensor | None = None,
    ) -> tuple[list[Tensor], tuple[Tensor, ...]]:
        """The output of every layer, before any dropout, and the final states.

        `valid` is that of `scan`.
        """
        if x.shape[1] == 0:  # no sequence at all, as torch.nn allows
            return [x.new_zeros(x.shape[0], 0, self.output_size)] * self.num_layers, state
        padding = {} if valid is None else {"valid": valid}
        if self.num_layers == 1:
            first = tuple([part.squeeze(0) for part in state])
            y, final = self.scan(x, first, timespans, resets, 0, **padding)
            return [y], tuple([part.unsqueeze(0) for part in final])
        outputs: list[Tensor] = []
        finals: list[tuple[Tensor, ...]] = []
        for layer in range(self.num_layers):
            if layer and self.dropout and self.training:
                x = functional.dropout(x, self.dropout)
            before = tuple(part[layer] for part in state)
            x, after = self.scan(x, before, timespans, resets, layer, **padding)
            outputs.append(x)
            finals.append(after)
        return outputs, tuple(torch.stack(parts) for parts in zip(*finals, strict=True))


def runs_plainly(kind: Any, owner: Any) -> bool:
    """Whether a class runs as `owner`, whose `scan` it has, and all else as every layer does."""
    return _runs_plainly(kind, owner)


@cache  # which mypy lets no class into
def _runs_plainly(kind: Any, owner: Any) -> bool:
    ways = ("run", "through_layers", "run_cell", "project_input")
    return kind.scan is owner.scan and all(
        getattr(kind, way) is getattr(LayerScans, way) for way in ways
    )
