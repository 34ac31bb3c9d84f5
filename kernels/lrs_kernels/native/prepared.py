"""Calls of C, prepared once for all of the same sizes.

Most of what C is told are sizes; what changes from call to call is where the tensors lie. So a call
copies what never changes and writes addresses into it.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from lrs_kernels.cell import Cell
from lrs_kernels.native.call import FIELDS, call, empty_like, size_of_packed_weights
from lrs_kernels.native.layout import Layout
from lrs_kernels.native.staying import PackedWeights, staying
from lrs_kernels.passes import Trace, Upstream

READ = FIELDS[FIELDS.index("weight") : FIELDS.index("y")]
"""What C calls `passes.BESIDE_THE_SEQUENCE`, in that order; both passes read it."""
_AT = {name: place for place, name in enumerate(FIELDS)}
_Y, _SAVED, _CELLS, _TIME, _X, _DY, _H_N, _C_N, _PACKED, _DZ, _DX = map(
    FIELDS.index,
    ("y", "saved", "cells", "time", "x", "dy", "h_n", "c_n", "packed", "dz", "dx"),
)
_KEPT = range(_Y, _X)
"""The trace, and the gradients of final states."""
_FILLED_TOGETHER = (
    {"weight": "dw", "w1": "dw1", "w2": "dw2", "bias": "d_bias"},
    {"w_ih": "dw_ih", "b_ih": "db_ih"},
    {"h0": "dh0", "c0": "dc0"},
    {"spans": "d_spans"},
)
"""What is read -> its gradient; C finds all of a group, or none."""


class Found(NamedTuple):
    """What the way back fills."""

    read: list[Tensor | None]
    """Gradients of what both passes read."""
    x: Tensor | None
    """Of a layer's input."""
    dz: Tensor | None
    """Of the pre-activations of all steps."""
    dz_recurrent: Tensor | None
    """Of the recurrent products, where that is another."""


class Prepared:
    """The calls of a cell whose tensors have the same sizes.

    Args:
        cell: its descriptor.
        lie: what follows from the sizes.
        lead: P, T and B; P may be missing.
        names: of `READ`, what there is.
        zeros: initial states of all calls, where these bring none; they are never written to.

    """

    def __init__(
        self,
        cell: Cell,
        lie: Layout,
        lead: tuple[int, ...],
        names: tuple[str, ...],
        zeros: tuple[Tensor, ...] = (),
    ) -> None:
        self.cell, self.names = cell, names
        self._never_changes = array("q", lie.sizes + (0,) * (len(FIELDS) - len(lie.sizes)))
        for name, zero in zip(("h0", "c0"), zeros, strict=False):
            self._never_changes[_AT[name]] = zero.data_ptr()
        self._places = tuple(_AT[name] for name in names)
        self._of_h, self._of_z = (*lead, lie.hidden), (*lead, lie.stacked)
        self.of_final = (*lead[:-2], lead[-1], lie.hidden)
        self._of_saved = (*lead, cell.saved * lie.hidden)
        self._to_fill: dict[tuple[tuple[bool, ...], bool], tuple[tuple[int, int], ...]] = {}

    def forward(
        self,
        sequence: Tensor,
        read: Sequence[Tensor],
        save: bool,
        save_time: bool = False,
        weights: Sequence[Tensor | None] = (),
        h_n: Tensor | None = None,
    ) -> Trace:
        """Run over the sequence.

        Args:
            sequence: `(P, T, B, G*H)`, or the input of a layer, `(P, T, B, I)`.
            read: what `names` say.
            save: keep what the way back needs.
            save_time: keep what the gradient of time spans needs.
            weights: those that are known again where weights stay, as their owner holds them.
            h_n: `(P, B, H)`, where the last h goes.

        """
        cell, told = self.cell, self._never_changes[:]
        held = _tell(told, self._places, read), _tell_rows(told, _X, sequence)
        y = sequence.new_empty(*self._of_h)
        gates = y.new_empty(*self._of_saved) if save and cell.saved else None
        cells = y.new_empty(*self._of_h) if save and cell.has_c else None
        time = y.new_empty(*self._of_h) if save_time else None
        c_n = y.new_empty(*self.of_final) if cell.has_c else None
        told[_Y], told[_SAVED] = y.data_ptr(), 0 if gates is None else gates.data_ptr()
        if h_n is not None:
            told[_H_N] = h_n.data_ptr()
        if cells is not None or time is not None or c_n is not None:
            _tell(told, (_CELLS, _TIME, _C_N), (cells, time, c_n))
        stays = None if save else staying()
        if stays is None:
            call(cell, "forward", y.dtype, told)
        else:
            _call_where_weights_stay(cell, told, y, stays, weights)
        del held
        return Trace(y, c_n, gates, cells, time)

    def backward(
        self,
        sequence: Tensor | None,
        read: Sequence[Tensor],
        trace: Trace,
        upstream: Upstream,
        needed: tuple[bool, ...],
        keep_dz: bool = False,
    ) -> Found:
        """Walk back.

        Args:
            sequence: a layer's input; None where it came projected.
            read: as on the way forward.
            trace: what that has left.
            upstream: gradients of what it returned.
            needed: whether those of the sequence and of each that was read are needed.
            keep_dz: whether that of a layer's pre-activations is; it always is of a projected
                sequence.

        """
        told = self._never_changes[:]
        y, _, gates, cells, time, *_ = trace
        held = [
            _tell(told, self._places, read),
            _tell(told, _KEPT, (y, gates, cells, time, upstream.h_n, upstream.c_n)),
            None if sequence is None else _tell_rows(told, _X, sequence),
            None if upstream.dy is None else _tell_rows(told, _DY, upstream.dy),
        ]
        dx = dz = dz_recurrent = None
        if sequence is not None and needed[0]:
            dx = empty_like(sequence)
            told[_DX] = dx.data_ptr()
        if sequence is None or keep_dz:
            dz = y.new_empty(*self._of_z)
            dz_recurrent = y.new_empty(*self._of_z) if self.cell.joins_late else None
            _tell(told, (_DZ, _DZ + 1), (dz, dz_recurrent))
        grads: list[Tensor | None] = [None] * len(read)
        for index, place in self._filled(needed, time is not None):
            grad = grads[index] = empty_like(read[index])
            told[place] = grad.data_ptr()
        call(self.cell, "backward", y.dtype, told)
        del held
        return Found(grads, dx, dz, dz_recurrent)

    def _filled(self, needed: tuple[bool, ...], with_time: bool) -> tuple[tuple[int, int], ...]:
        """Which of `read` are given a gradient, and where it is told."""
        found = self._to_fill.get((needed, with_time))
        if found is None:
            needs = {name for name, need in zip(self.names, needed[1:], strict=True) if need}
            places = {
                name: _AT[gradient]
                for group in _FILLED_TOGETHER
                if needs & group.keys() and (with_time or "spans" not in group)
                for name, gradient in group.items()
            }
            found = tuple(
                (index, places[name]) for index, name in enumerate(self.names) if name in places
            )
            self._to_fill[needed, with_time] = found
        return found


def _call_where_weights_stay(
    cell: Cell,
    told: array[int],
    y: Tensor,
    stays: PackedWeights,
    weights: Sequence[Tensor | None],
) -> None:
    """Call forward with what an earlier call has packed, or pack it for the later ones."""
    place = stays.place(weights, lambda: y.new_empty(size_of_packed_weights(cell, y.dtype, told)))
    if place is None:
        return call(cell, "forward", y.dtype, told)
    told[_PACKED], told[_PACKED + 1] = place.memory.data_ptr(), place.ready
    call(cell, "forward", y.dtype, told)
    place.ready = True
    return None


def _tell(told: array[int], places: Sequence[int], parts: Sequence[Tensor | None]) -> list[Tensor]:
    """Write where tensors lie; copies of those with gaps are returned, to be held until the end."""
    copies = []
    for place, tensor in zip(places, parts, strict=True):
        if tensor is None:
            continue
        if not tensor.is_contiguous():
            tensor = tensor.contiguous()
            copies.append(tensor)
        told[place] = tensor.data_ptr()
    return copies


def _tell_rows(told: array[int], place: int, tensor: Tensor) -> Tensor:
    """Write where the rows of a sequence lie, and their strides over P, T and B."""
    strides = tensor.stride()
    if strides[-1] != 1:  # the last axis must be adjacent in memory
        tensor = tensor.contiguous()
        strides = tensor.stride()
    told[place] = tensor.data_ptr()
    if len(strides) == 4:
        told[place + 1] = strides[0]
    told[place + 2], told[place + 3] = strides[-3], strides[-2]
    return tensor
