"""Hands tensors to `scan.c`: the C structure, its strides, and how the work is cut into tiles."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from functools import lru_cache
from typing import TypeVar

import torch
from torch import Tensor

from lrs_kernels.cell import Cell
from lrs_kernels.native.build import load_library
from lrs_kernels.native.limits import limits
from lrs_kernels.part_grads import recurrent_grads, with_projection
from lrs_kernels.passes import (
    Grads,
    Inputs,
    PartGrads,
    Recurrence,
    Trace,
    Upstream,
    Wanted,
)

_MaybeTensor = TypeVar("_MaybeTensor", Tensor, Tensor | None)

STORES_BFLOAT16 = False

_ROWS_OF_A_TILE = 48
"""Their state and pre-activations at H = 64 fill a first-level cache."""
_WORTH_A_THREAD = 200_000
"""Multiplications that take as long as waking a thread."""


class _Scan(ctypes.Structure):
    """The structure `Scan` of `scan.h`, field by field; filled in this order, in half the time."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("members", "steps", "batch", "hidden", "gates")),
        *((name, ctypes.c_int64) for name in ("rank", "inputs", "variant", "threads", "tile")),
        *((name, ctypes.c_void_p) for name in ("weight", "w1", "w2", "mask")),
        *((name, ctypes.c_void_p) for name in ("h0", "c0", "bias", "spans", "resets")),
        *((name, ctypes.c_void_p) for name in ("w_ih", "b_ih")),
        ("x", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("x_p", "x_t", "x_b")),
        *((name, ctypes.c_void_p) for name in ("y", "saved", "cells", "c_n", "time", "dy")),
        *((name, ctypes.c_int64) for name in ("dy_p", "dy_t", "dy_b")),
        *((name, ctypes.c_void_p) for name in ("dh_n", "dc_n", "dz", "dz_recurrent")),
        *((name, ctypes.c_void_p) for name in ("dh0", "dc0", "d_spans")),
        *(
            (name, ctypes.c_void_p)
            for name in ("dx", "dw", "dw1", "dw2", "dw_ih", "db_ih", "d_bias")
        ),
    )


def takes_input(recurrence: Recurrence, inputs: Inputs) -> bool:
    """Whether the projection is a part of the walk."""
    return inputs.w_ih is None or limits(recurrence.cell).take_projection(inputs.w_ih)


def forward(recurrence: Recurrence, inputs: Inputs, save: bool, save_time: bool) -> Trace:
    """Run the cell over the whole sequence; see `passes.Passes`."""
    cell, x, h0 = recurrence.cell, _dense_rows(inputs.sequence), inputs.h0
    lead, hidden = x.shape[:-1], h0.shape[-1]
    y = x.new_empty(*lead, hidden)
    gates = x.new_empty(*lead, cell.saved * hidden) if save and cell.saved else None
    cells = torch.empty_like(y) if save and cell.has_c else None
    c_n = _empty_like(h0) if cell.has_c else None
    time = torch.empty_like(y) if save_time else None
    read = _read_by_all(cell, inputs)
    scan = _Scan(
        *_sizes(recurrence, lead, inputs), *_addresses(read),
        x.data_ptr(), *_strides(x), *_addresses((y, gates, cells, c_n, time)),
    )  # fmt: skip
    _call(cell, "forward", x.dtype, scan)
    return Trace(y, c_n, gates, cells, time)


def backward(recurrence: Recurrence, inputs: Inputs, trace: Trace, upstream: Upstream) -> Grads:
    """Walk the cell back over the whole sequence."""
    cell, y, h0 = recurrence.cell, trace.states, inputs.h0
    count, hidden = inputs.recurrent.gates, h0.shape[-1]
    dz = y.new_empty(*y.shape[:-1], count * hidden)
    dh0 = _empty_like(h0)
    dc0 = _empty_like(h0) if cell.has_c else None
    dz_recurrent = torch.empty_like(dz) if cell.joins_late else None
    d_spans = None if trace.time is None else y.new_empty(y.shape[:-1])
    dy = None if upstream.dy is None else _dense_rows(upstream.dy)
    read = _read_by_all(cell, inputs)
    kept = _packed((y, trace.gates, trace.cells, None, trace.time))
    entering = _packed((upstream.h_n, upstream.c_n))
    scan = _Scan(
        *_sizes(recurrence, y.shape[:-1], inputs), *_addresses(read), *_NO_ROWS,
        *_addresses(kept), *(_NO_ROWS if dy is None else (dy.data_ptr(), *_strides(dy))),
        *_addresses((*entering, dz, dz_recurrent, dh0, dc0, d_spans)),
    )  # fmt: skip
    _call(cell, "backward", y.dtype, scan)
    return Grads(dz, dh0, dc0, d_spans, dz_recurrent)


def part_grads(
    recurrence: Recurrence, inputs: Inputs, states: Tensor, grads: Grads, wanted: Wanted
) -> PartGrads:
    """Products of dz for all steps in one call; see `part_grads.part_grads`."""
    found, w1, w2, hidden = PartGrads(), inputs.w1, inputs.w2, inputs.h0.shape[-1]
    of_weights = wanted.weights
    cell, in_c = recurrence.cell, limits(recurrence.cell)
    if hidden > in_c.hidden or (w1 is not None and not _rank_in_c(cell, w1)):
        found = recurrent_grads(inputs, states, grads) if of_weights else found
        of_weights = False
    projected = inputs.x is not None and inputs.w_ih is not None
    if not takes_input(recurrence, inputs):
        found, projected = with_projection(found, inputs, grads, wanted), False
    if not of_weights and not (projected and (wanted.projection or wanted.layer_input)):
        return found
    dz, effective = grads.dz, None
    if of_weights:
        shape = (*dz.shape[:-3], dz.shape[-1] // hidden, hidden, hidden)
        effective, bias_n = dz.new_empty(shape), _empty_like(inputs.bias_n)
        factors = _empty_like(w1), _empty_like(w2)
        found = found._replace(w1=factors[0], w2=factors[1], bias_n=bias_n)
    if projected and wanted.projection:
        found = found._replace(w_ih=_empty_like(inputs.w_ih), b_ih=_empty_like(inputs.b_ih))
    if projected and wanted.layer_input:
        found = found._replace(x=_empty_like(inputs.x))
    x = None if inputs.x is None else _dense_rows(inputs.x)
    read = _read_by_all(cell, inputs)
    seen, rows, late = _packed((states, dz, grads.dz_recurrent))
    scan = _Scan(
        *_sizes(recurrence, dz.shape[:-1], inputs), *_addresses(read),
        *(_NO_ROWS if x is None else (x.data_ptr(), *_strides(x))), *_addresses((seen,)),
    )  # fmt: skip
    scan.dz, scan.dz_recurrent = _addresses((rows, late))
    scan.dw, scan.dw1, scan.dw2 = _addresses((effective, *found[1:3]))
    into = found if projected else found._replace(x=None, w_ih=None, b_ih=None)
    scan.d_bias, scan.dx, scan.dw_ih, scan.db_ih = _addresses(into[3:])
    _call(cell, "products", dz.dtype, scan)
    return found._replace(dense=effective) if of_weights and w1 is None else found


def _read_by_all(cell: Cell, inputs: Inputs) -> list[Tensor | None]:
    """What all functions read, from `weight` to `b_ih`; whoever calls keeps it until the end."""
    _, dense, w1, w2, mask, h0, c0, spans, resets, bias_n, _, w_ih, b_ih = inputs
    if w1 is not None and not _rank_in_c(cell, w1):
        dense, w1, w2, mask = inputs.recurrent.effective(), None, None, None
    if mask is not None and mask.dtype != h0.dtype:
        mask = mask.to(h0.dtype)
    return _packed((dense, w1, w2, mask, h0, c0, bias_n, spans, resets, w_ih, b_ih))


def _rank_in_c(cell: Cell, w1: Tensor | None) -> int:
    """The rank of factors `(P, G, H, r)` that C multiplies; 0 where it is given their product."""
    rank = 0 if w1 is None else w1.shape[-1]
    return rank if rank <= limits(cell).rank else 0


def _packed(tensors: tuple[_MaybeTensor, ...]) -> list[_MaybeTensor]:
    """The tensors without gaps, since C knows no strides but those of x and dy."""
    return [None if tensor is None else tensor.contiguous() for tensor in tensors]


def _addresses(tensors: Iterable[Tensor | None]) -> list[int | None]:
    return [None if tensor is None else tensor.data_ptr() for tensor in tensors]


def _strides(rows: Tensor) -> tuple[int, ...]:
    """Those of P, T and B."""
    strides = rows.stride()[:-1]
    return strides if len(strides) == 3 else (0, *strides)


_NO_ROWS = (None, 0, 0, 0)
"""In the place of an address and its three strides."""


def _call(cell: Cell, name: str, dtype: torch.dtype, scan: _Scan) -> None:
    """Call a function for this dtype; the interpreter is free meanwhile."""
    functions, reason = load_library(cell)
    if functions is None:
        raise RuntimeError(f"backend 'native' is not available: {reason}")
    suffix = "f64" if dtype == torch.float64 else "f32"
    if getattr(functions, f"lrs_{name}_{suffix}")(ctypes.byref(scan)):
        raise MemoryError("backend 'native' found no memory for its packed weights")


def _sizes(recurrence: Recurrence, lead: tuple[int, ...], inputs: Inputs) -> tuple[int, ...]:
    """The numbers at the head of `_Scan`; `lead` are P, T and B."""
    cell, threads = recurrence.cell, torch.get_num_threads()
    rank = _rank_in_c(cell, inputs.w1)
    width = 0 if inputs.w_ih is None else inputs.w_ih.shape[-1]
    hidden, gates = inputs.h0.shape[-1], inputs.recurrent.gates
    return _divided(cell, recurrence.variant, lead, hidden, gates, width, rank, threads)


@lru_cache(maxsize=1024)
def _divided(
    cell: Cell,
    variant: str,
    lead: tuple[int, ...],
    hidden: int,
    gates: int,
    width: int,
    rank: int,
    available: int,
) -> tuple[int, ...]:
    """Sizes of a call, and how it is divided: a tile for every thread, none beyond the cache."""
    members = lead[0] if len(lead) == 3 else 1
    steps, batch = lead[-2:]
    products = members * steps * batch * gates * hidden * (hidden + width)
    threads = max(1, min(available, products // _WORTH_A_THREAD))
    per_member = max(1, threads // members)
    tile = max(1, min(_ROWS_OF_A_TILE, -(-batch // per_member)))
    number = cell.position(variant)
    return members, steps, batch, hidden, gates, rank, width, number, threads, tile


def _dense_rows(tensor: Tensor) -> Tensor:
    """The last axis must be adjacent in memory; the others may have any stride."""
    return tensor if tensor.stride(-1) == 1 else tensor.contiguous()


def _empty_like(tensor: _MaybeTensor) -> _MaybeTensor:
    """Room for a gradient, without gaps."""
    if tensor is None:
        return tensor
    return torch.empty_like(tensor, memory_format=torch.contiguous_format)
