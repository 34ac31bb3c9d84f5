"""Calls of C, prepared once for all of the same sizes.

Most of what C is told are sizes; what changes from call to call is where the tensors lie. So a call
copies what never changes and writes addresses into it.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lrs_kernels.cell import Cell
from lrs_kernels.native.axes import TIME_FIRST, Axes
from lrs_kernels.native.call import FIELDS, Functions
from lrs_kernels.native.layout import Layout
from lrs_kernels.native.staying import PackedWeights, staying
from lrs_kernels.passes import Trace, Upstream

READ = FIELDS[FIELDS.index("weight") : FIELDS.index("y")]
"""What C calls `passes.BESIDE_THE_SEQUENCE`, in that order; both passes read it."""
_AT = {name: place for place, name in enumerate(FIELDS)}
_INPUTS, _Y, _SAVED, _CELLS, _TIME, _DH_N, _DC_N, _X, _DY, _H_N, _C_N, _PACKED, _DZ, _DX = map(
    FIELDS.index,
    (
        "inputs", "y", "saved", "cells", "time", "dh_n", "dc_n", "x", "dy", "h_n", "c_n", "packed",
        "dz", "dx",
    ),
)  # fmt: skip
_KEPT = _SAVED, _CELLS, _TIME, _DH_N, _DC_N
_OTHER_TENSOR = (
    "a tensor that a scan has read was given another size, through its .data, before the backward "
    "pass: run the forward pass again"
)
_FILLED_TOGETHER = (
    {"weight": "dw", "w1": "dw1", "w2": "dw2", "bias": "d_bias"},
    {"w_ih": "dw_ih", "b_ih": "db_ih"},
    {"h0": "dh0", "c0": "dc0"},
    {"spans": "d_spans"},
)
"""What is read -> its gradient; C finds all of a group, or none."""


class Expected(NamedTuple):
    """A tensor beside the sequence."""

    name: str
    """One of `READ`."""
    bytes: int
    """Its size; what is larger or smaller at the time of a call is not read."""


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
        functions: its code.
        lie: what follows from the sizes.
        lead: P, T and B; P may be missing.
        read: of `READ`, what there is, and how large it is.
        zeros: initial states of all calls, where these bring none; they are never written to.
        axes: how those of sequences and of final states stand.

    """

    def __init__(
        self,
        cell: Cell,
        functions: Functions,
        lie: Layout,
        lead: tuple[int, ...],
        read: tuple[Expected, ...],
        zeros: tuple[Tensor, ...] = (),
        axes: Axes = TIME_FIRST,
    ) -> None:
        self.names = tuple(name for name, _ in read)
        self._functions, self._places = functions, [_AT[name] for name in self.names]
        self._saves, self._has_c = cell.saved > 0, cell.has_c
        self._joins_late = cell.joins_late
        self._never_changes = array("q", lie.sizes + (0,) * (len(FIELDS) - len(lie.sizes)))
        for name, zero in zip(("h0", "c0"), zeros, strict=False):
            self._never_changes[_AT[name]] = zero.data_ptr()
        self._bytes = [size for _, size in read]
        self._steps_and_rows = axes.of_steps_and_rows
        self._of_h, self._of_z = (*lead, lie.hidden), (*lead, lie.stacked)
        self._of_y = axes.of_sequence(lead, lie.hidden)
        self._of_dx = axes.of_sequence(lead, lie.sizes[_INPUTS])
        self.of_final = axes.of_final(lead, lie.hidden)
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
            read: what `names` say, as large as it was announced.
            save: keep what the way back needs.
            save_time: keep what the gradient of time spans needs.
            weights: those that are known again where weights stay, as their owner holds them.
            h_n: `(P, B, H)`, where the last h goes.

        """
        told = self._never_changes[:]
        # Where tensors have gaps these names hold their copies until C has read them.
        read = self._tell(told, read)
        sequence = self._tell_rows(told, _X, sequence)
        y = sequence.new_empty_strided(*self._of_y)
        told[_Y] = y.data_ptr()
        gates = cells = time = c_n = None
        if save and self._saves:
            gates = sequence.new_empty(self._of_saved)
            told[_SAVED] = gates.data_ptr()
        if h_n is not None:
            told[_H_N] = h_n.data_ptr()
        if self._has_c:
            c_n = sequence.new_empty(self.of_final)
            told[_C_N] = c_n.data_ptr()
            if save:
                cells = sequence.new_empty(self._of_h)
                told[_CELLS] = cells.data_ptr()
        if save_time:
            time = sequence.new_empty(self._of_h)
            told[_TIME] = time.data_ptr()
        stays = None if save else staying()
        if stays is None:
            self._functions.forward(told)
        else:
            self._forward_where_weights_stay(told, y, stays, weights)
        return Trace(y, c_n, gates, cells, time)

    def _forward_where_weights_stay(
        self,
        told: array[int],
        y: Tensor,
        stays: PackedWeights,
        weights: Sequence[Tensor | None],
    ) -> None:
        """Call forward with what an earlier call has packed, or pack it for the later ones."""
        functions = self._functions
        place = stays.place(weights, lambda: y.new_empty(functions.packed_size(told)))
        if place is None:
            return functions.forward(told)
        told[_PACKED], told[_PACKED + 1] = place.memory.data_ptr(), place.ready
        functions.forward(told)
        place.ready = True
        return None

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

        Raises:
            RuntimeError: what was read has another size now; C would read beyond it.

        """
        told = self._never_changes[:]
        read = self._tell(told, read)
        held = self._tell_kept(told, trace, upstream)
        dx = dz = dz_recurrent = None
        if sequence is not None:
            if sequence.shape != self._of_dx[0] or sequence.dtype != trace.states.dtype:
                raise RuntimeError(_OTHER_TENSOR)
            sequence = self._tell_rows(told, _X, sequence)
            if needed[0]:
                dx = trace.states.new_empty_strided(*self._of_dx)
                told[_DX] = dx.data_ptr()
        if sequence is None or keep_dz:
            dz = trace.states.new_empty(self._of_z)
            told[_DZ] = dz.data_ptr()
            if self._joins_late:
                dz_recurrent = trace.states.new_empty(self._of_z)
                told[_DZ + 1] = dz_recurrent.data_ptr()
        grads: list[Tensor | None] = [None] * len(read)
        for index, place in self._filled(needed, trace.time is not None):
            grad = grads[index] = torch.empty_like(read[index])
            told[place] = grad.data_ptr()
        self._functions.backward(told)
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

    def _tell(self, told: array[int], read: Sequence[Tensor]) -> Sequence[Tensor]:
        """Write where tensors lie, and return them, in place of those with gaps copies without."""
        for place, size, part in zip(self._places, self._bytes, read, strict=True):
            if part.nbytes != size:
                raise RuntimeError(_OTHER_TENSOR)
            if not part.is_contiguous():
                return self._tell(told, [part.contiguous() for part in read])
            told[place] = part.data_ptr()
        return read

    def _tell_kept(self, told: array[int], trace: Trace, upstream: Upstream) -> list[Tensor]:
        """Write where lies what enters the way back beside that; returned is what must be held."""
        y, _, gates, cells, time, *_ = trace
        dy, dh_n, dc_n = upstream
        if y.stride() != self._of_y[1]:  # who keeps tensors for the way back may move them
            y = y.new_empty_strided(*self._of_y).copy_(y)
        told[_Y], held = y.data_ptr(), [y]
        if dy is not None:
            held.append(self._tell_rows(told, _DY, dy))
        for place, part in zip(_KEPT, (gates, cells, time, dh_n, dc_n), strict=True):
            if part is None:
                continue
            if not part.is_contiguous():
                part = part.contiguous()
                held.append(part)
            told[place] = part.data_ptr()
        return held

    def _tell_rows(self, told: array[int], place: int, tensor: Tensor) -> Tensor:
        """Write where the rows of a sequence lie, and their strides over P, T and B."""
        strides = tensor.stride()
        if strides[-1] != 1:  # the last axis must be adjacent in memory
            tensor = tensor.contiguous()
            strides = tensor.stride()
        told[place] = tensor.data_ptr()
        if len(strides) == 4:
            told[place + 1] = strides[0]
        steps, rows = self._steps_and_rows
        told[place + 2], told[place + 3] = strides[steps], strides[rows]
        return tensor
