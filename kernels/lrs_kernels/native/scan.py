"""Hands tensors to `scan.c`: the C structure, its strides, and how the work is cut into tiles."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from lrs_kernels.cell import Cell
from lrs_kernels.native.build import load_library
from lrs_kernels.passes import Grads, Inputs, PartGrads, Recurrence, Trace, Upstream
from lrs_kernels.recurrent import Recurrent
from lrs_kernels.weight_grad import weight_grads as weight_grads_by_gemm

_ROWS_OF_A_TILE = 48
"""Their state and pre-activations at H = 64 fill a first-level cache."""
_WORTH_A_THREAD = 200_000
"""Multiplications that take as long as waking a thread."""
_LARGEST_RANK = 16
"""Factors of larger rank are worth a GEMM of the library."""
_LARGEST_HIDDEN = 64
"""Gradients of larger matrices are worth one too: measured, at H = 128 C takes a tenth longer."""


class _Scan(ctypes.Structure):
    """The structure `Scan` of `scan.h`, field by field."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("members", "steps", "batch", "hidden", "gates")),
        *((name, ctypes.c_int64) for name in ("rank", "variant", "threads", "tile")),
        *((name, ctypes.c_void_p) for name in ("weight", "w1", "w2", "mask")),
        *((name, ctypes.c_void_p) for name in ("h0", "c0", "bias", "spans", "resets")),
        ("x", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("x_p", "x_t", "x_b")),
        *((name, ctypes.c_void_p) for name in ("y", "saved", "cells", "c_n", "time", "dy")),
        *((name, ctypes.c_int64) for name in ("dy_p", "dy_t", "dy_b")),
        *((name, ctypes.c_void_p) for name in ("dh_n", "dc_n", "dz", "dz_recurrent")),
        *((name, ctypes.c_void_p) for name in ("dh0", "dc0", "d_spans")),
    )


def forward(recurrence: Recurrence, inputs: Inputs, save: bool, save_time: bool) -> Trace:
    """Run the cell over the whole sequence; see `passes.Passes`."""
    cell, x, h0 = recurrence.cell, _dense_rows(inputs.x_proj), inputs.h0
    hidden = h0.shape[-1]
    lead = x.shape[:-1]
    y = x.new_empty(*lead, hidden)
    gates = x.new_empty(*lead, cell.saved * hidden) if save and cell.saved else None
    cells = torch.empty_like(y) if save and cell.has_c else None
    c_n = _empty_like(h0) if cell.has_c else None
    time = torch.empty_like(y) if save_time else None
    scan = _Work.of(recurrence, inputs, x.shape)
    scan.point(x=x, y=y, saved=gates, cells=cells, c_n=c_n, time=time)
    scan.stride("x", x)
    scan.call("forward", x.dtype)
    return Trace(y, c_n, gates, cells, time)


def backward(recurrence: Recurrence, inputs: Inputs, trace: Trace, upstream: Upstream) -> Grads:
    """Walk the cell back over the whole sequence."""
    cell, y, h0 = recurrence.cell, trace.states, inputs.h0
    count = inputs.recurrent.reference.shape[-3]
    dz = y.new_empty(*y.shape[:-1], count * y.shape[-1])
    dh0 = torch.empty_like(h0, memory_format=torch.contiguous_format)
    dc0 = torch.empty_like(dh0) if cell.has_c else None
    dz_recurrent = torch.empty_like(dz) if cell.joins_late else None
    d_spans = None if trace.time is None else y.new_empty(y.shape[:-1])
    dy = None if upstream.dy is None else _dense_rows(upstream.dy)
    scan = _Work.of(recurrence, inputs, dz.shape)
    scan.point(
        y=y, saved=trace.gates, cells=trace.cells, time=trace.time, dy=dy,
        dh_n=upstream.h_n, dc_n=upstream.c_n, dz=dz, dz_recurrent=dz_recurrent, dh0=dh0, dc0=dc0,
        d_spans=d_spans,
    )  # fmt: skip
    if dy is not None:
        scan.stride("dy", dy)
    scan.call("backward", y.dtype)
    return Grads(dz, dh0, dc0, d_spans, dz_recurrent)


def weight_grads(recurrence: Recurrence, inputs: Inputs, states: Tensor, dz: Tensor) -> PartGrads:
    """Gradients of the weights for all steps in one call; see `weight_grad.weight_grads`."""
    recurrent, h0 = inputs.recurrent, inputs.h0
    gates, hidden = recurrent.reference.shape[-3:-1]
    rank = 0 if recurrent.w1 is None else recurrent.w1.shape[-1]
    if hidden > _LARGEST_HIDDEN or rank > _LARGEST_RANK:
        return weight_grads_by_gemm(recurrence, inputs, states, dz)
    effective = dz.new_empty(*h0.shape[:-2], gates, hidden, hidden)
    d_w1, d_w2 = _empty_like(recurrent.w1), _empty_like(recurrent.w2)
    steps, batch = dz.shape[-3:-1]
    members = h0.shape[0] if h0.dim() == 3 else 1
    work = _Work(
        recurrence.cell, members=members, steps=steps, batch=batch, hidden=hidden, gates=gates,
        threads=_threads(dz.numel() * hidden),
    )  # fmt: skip
    work.weights(recurrent)
    work.point(dz=dz, y=states, h0=h0, resets=inputs.resets)
    results = (0 if t is None else t.data_ptr() for t in (effective, d_w1, d_w2))
    work.call("weights", dz.dtype, *results)
    return (effective, None, None) if rank == 0 else (None, d_w1, d_w2)


class _Work:
    """The structure of one call, and the tensors that must outlive it."""

    def __init__(self, cell: Cell, **numbers: int) -> None:
        self.cell = cell
        self.alive: list[Tensor] = []
        self.fields = _Scan(**numbers)

    @classmethod
    def of(cls, recurrence: Recurrence, inputs: Inputs, shape: torch.Size) -> _Work:
        """All that both passes read; `shape` is that of the pre-activations."""
        members = shape[0] if len(shape) == 4 else 1
        steps, batch, width = shape[-3:]
        hidden = inputs.h0.shape[-1]
        threads, tile = _division(members, steps, batch, width * hidden)
        cell = recurrence.cell
        work = cls(
            cell, members=members, steps=steps, batch=batch, hidden=hidden, gates=width // hidden,
            variant=cell.position(recurrence.variant), threads=threads, tile=tile,
        )  # fmt: skip
        work.weights(inputs.recurrent)
        work.point(
            h0=inputs.h0, c0=inputs.c0, bias=inputs.bias_n,
            spans=inputs.timespans, resets=inputs.resets,
        )  # fmt: skip
        return work

    def weights(self, recurrent: Recurrent) -> None:
        """Point to the parts that the effective matrices are formed of."""
        if recurrent.w1 is not None and recurrent.w1.shape[-1] > _LARGEST_RANK:
            recurrent = Recurrent.of(recurrent.effective())
        mask = None if recurrent.mask is None else recurrent.mask.to(recurrent.reference.dtype)
        self.fields.rank = 0 if recurrent.w1 is None else recurrent.w1.shape[-1]
        self.point(weight=recurrent.dense, w1=recurrent.w1, w2=recurrent.w2, mask=mask)

    def point(self, **tensors: Tensor | None) -> None:
        """Set pointers by name; tensors without strides of their own are made contiguous."""
        for name, tensor in tensors.items():
            if tensor is not None:
                kept = tensor if name in ("x", "dy") else tensor.contiguous()
                self.alive.append(kept)
                setattr(self.fields, name, kept.data_ptr())

    def stride(self, name: str, tensor: Tensor) -> None:
        """Set the strides of P, T and B."""
        strides = tensor.stride()[:-1]
        for axis, value in zip("ptb", strides if len(strides) == 3 else (0, *strides), strict=True):
            setattr(self.fields, f"{name}_{axis}", value)

    def call(self, name: str, dtype: torch.dtype, *more: int) -> None:
        """Call a function for this dtype; the interpreter is free meanwhile."""
        functions, reason = load_library(self.cell)
        if functions is None:
            raise RuntimeError(f"backend 'native' is not available: {reason}")
        suffix = "f64" if dtype == torch.float64 else "f32"
        function = getattr(functions, f"lrs_{name}_{suffix}")
        if function(ctypes.byref(self.fields), *map(ctypes.c_void_p, more)):
            raise MemoryError("backend 'native' found no memory for its packed weights")


def _threads(work: int) -> int:
    """Threads for so many multiplications."""
    return max(1, min(torch.get_num_threads(), work // _WORTH_A_THREAD))


def _division(members: int, steps: int, batch: int, products_of_a_row: int) -> tuple[int, int]:
    """Threads to use, and rows in a tile: a tile for every thread, none larger than the cache."""
    threads = _threads(members * steps * batch * products_of_a_row)
    per_member = max(1, threads // members)
    return threads, max(1, min(_ROWS_OF_A_TILE, -(-batch // per_member)))


def _dense_rows(tensor: Tensor) -> Tensor:
    """The last axis must be adjacent in memory; the others may have any stride."""
    return tensor if tensor.stride(-1) == 1 else tensor.contiguous()


def _empty_like(tensor: Tensor | None) -> Tensor | None:
    """Room for a gradient, without gaps."""
    if tensor is None:
        return None
    return torch.empty_like(tensor, memory_format=torch.contiguous_format)
