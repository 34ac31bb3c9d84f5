"""The two passes in C: which tensors they read, and which they fill."""

from __future__ import annotations

import torch
from torch import Tensor

from lrs_kernels.cell import Cell
from lrs_kernels.native.call import (
    FIELDS,
    addresses,
    call,
    dense_rows,
    empty_like,
    packed,
    rows_of,
    size_of_packed_weights,
    sizes,
)
from lrs_kernels.native.limits import limits
from lrs_kernels.native.staying import staying
from lrs_kernels.part_grads import recurrent_grads, with_projection
from lrs_kernels.passes import (
    Grads,
    InputGrads,
    Inputs,
    PartGrads,
    Recurrence,
    Trace,
    Upstream,
    Wanted,
)

STORES_BFLOAT16 = False
_NOT_BACK = (0,) * (len(FIELDS) - FIELDS.index("dy"))
"""In the place of all that only the way back is told."""
_PACKED = FIELDS.index("packed")


def takes_input(recurrence: Recurrence, inputs: Inputs) -> bool:
    """Whether the projection is a part of the walk."""
    return inputs.w_ih is None or limits(recurrence.cell).take_projection(inputs.w_ih)


def forward(recurrence: Recurrence, inputs: Inputs, save: bool, save_time: bool) -> Trace:
    """Run the cell over the whole sequence; see `passes.Passes`."""
    cell, x, h0 = recurrence.cell, dense_rows(inputs.sequence), inputs.h0
    lead, hidden = x.shape[:-1], h0.shape[-1]
    y = x.new_empty(*lead, hidden)
    gates = x.new_empty(*lead, cell.saved * hidden) if save and cell.saved else None
    cells = torch.empty_like(y) if save and cell.has_c else None
    c_n = empty_like(h0) if cell.has_c else None
    time = torch.empty_like(y) if save_time else None
    read = _read_by_both(cell, inputs)
    told = [
        *_sizes(recurrence, lead, inputs), *addresses(read), *rows_of(x),
        *addresses((y, gates, cells, c_n, time)), 0, 0, *_NOT_BACK,
    ]  # fmt: skip
    stays = None if save else staying()
    place = None if stays is None else stays.place(
        inputs.weights, lambda: x.new_empty(size_of_packed_weights(cell, x.dtype, told))
    )  # fmt: skip
    if place is not None:
        told[_PACKED : _PACKED + 2] = place.memory.data_ptr(), place.ready
    call(cell, "forward", x.dtype, told)
    if place is not None:
        place.ready = True
    return Trace(y, c_n, gates, cells, time)


def gradients(
    recurrence: Recurrence, inputs: Inputs, trace: Trace, upstream: Upstream, wanted: Wanted
) -> InputGrads:
    """Walk back; products of dL/dz come right after their steps, or from the library."""
    cell, y, h0, w_ih = recurrence.cell, trace.states, inputs.h0, inputs.w_ih
    weights = wanted.weights and _weights_in_c(cell, inputs)
    projected = w_ih is not None and limits(cell).take_projection(w_ih)
    dense, w1, w2 = map(empty_like, inputs[1:4]) if weights else (None, None, None)
    bias_n = empty_like(inputs.bias_n) if weights else None
    dx = empty_like(inputs.x) if projected and wanted.layer_input else None
    of_projection = (w_ih, inputs.b_ih) if projected and wanted.projection else (None, None)
    found = PartGrads(dense, w1, w2, bias_n, dx, *map(empty_like, of_projection))
    dz = dz_recurrent = None
    if not projected or weights != wanted.weights:
        dz = y.new_empty(*y.shape[:-1], inputs.recurrent.gates * h0.shape[-1])
        dz_recurrent = torch.empty_like(dz) if cell.joins_late else None
    dh0, dc0 = empty_like(h0), empty_like(inputs.c0) if cell.has_c else None
    d_spans = None if trace.time is None else y.new_empty(y.shape[:-1])
    read = _read_by_both(cell, inputs)
    x, dy = dense_rows(inputs.x) if projected else None, dense_rows(upstream.dy)
    kept = packed((y, trace.gates, trace.cells, None, trace.time))
    entering = packed((upstream.h_n, upstream.c_n))
    call(cell, "backward", y.dtype, (
        *_sizes(recurrence, y.shape[:-1], inputs), *addresses(read), *rows_of(x),
        *addresses(kept), 0, 0, *rows_of(dy),
        *addresses((*entering, dz, dz_recurrent, dh0, dc0, d_spans, *found)),
    ))  # fmt: skip
    if dz is not None:
        grads = Grads(dz, dh0, dc0, d_spans, dz_recurrent)
        if weights != wanted.weights:
            found = PartGrads(*recurrent_grads(inputs, y, grads)[:4], *found[4:])
        if not projected:
            found = with_projection(found, inputs, grads, wanted)
    return InputGrads(
        dz if w_ih is None else None,
        found.dense, found.w1, found.w2, None, dh0, dc0, d_spans, None,
        *found[3:],
    )  # fmt: skip


def _read_by_both(cell: Cell, inputs: Inputs) -> list[Tensor | None]:
    """What both passes read, from `weight` to `b_ih`; whoever calls keeps it until the end."""
    _, dense, w1, w2, mask, h0, c0, spans, resets, bias_n, _, w_ih, b_ih = inputs
    if w1 is not None and not _rank_in_c(cell, w1):
        dense, w1, w2, mask = inputs.recurrent.effective(), None, None, None
    if mask is not None and mask.dtype != h0.dtype:
        mask = mask.to(h0.dtype)
    return packed((dense, w1, w2, mask, h0, c0, bias_n, spans, resets, w_ih, b_ih))


def _rank_in_c(cell: Cell, w1: Tensor | None) -> int:
    """The rank of factors `(P, G, H, r)` that C multiplies; 0 where it is given their product."""
    rank = 0 if w1 is None else w1.shape[-1]
    return rank if rank <= limits(cell).rank else 0


def _weights_in_c(cell: Cell, inputs: Inputs) -> bool:
    """Whether gradients of the recurrent weights are summed in C."""
    w1 = inputs.w1
    if inputs.h0.shape[-1] > limits(cell).hidden:
        return False
    return w1 is None or _rank_in_c(cell, w1) > 0


def _sizes(recurrence: Recurrence, lead: tuple[int, ...], inputs: Inputs) -> tuple[int, ...]:
    """The first ten of `FIELDS`; `lead` are P, T and B."""
    w_ih, w1 = inputs.w_ih, inputs.w1
    part = inputs.dense if w1 is None else w1
    assert part is not None
    gates, hidden = part.shape[-3:-1]
    return sizes(
        recurrence.cell, recurrence.variant, lead, hidden, gates,
        0 if w_ih is None else w_ih.shape[-1], _rank_in_c(recurrence.cell, w1),
        torch.get_num_threads(),
    )  # fmt: skip
