"""The two passes in C, in whatever surroundings; see `ops/direct.py` for where there are none."""

from __future__ import annotations

from functools import lru_cache

from torch import Tensor

from lrs_kernels.native.call import compiled, functions_of
from lrs_kernels.native.layout import Layout, layout
from lrs_kernels.native.limits import limits
from lrs_kernels.native.prepared import READ, Expected, Prepared
from lrs_kernels.part_grads import recurrent_grads, with_projection
from lrs_kernels.passes import (
    BESIDE_THE_SEQUENCE,
    InputGrads,
    Inputs,
    PartGrads,
    Recurrence,
    Trace,
    Upstream,
    Wanted,
)
from lrs_kernels.recurrent import Recurrent

STORES_BFLOAT16 = False
prepare = lru_cache(maxsize=1024)(Prepared)
"""A `Prepared`, made once."""


def takes_input(recurrence: Recurrence, inputs: Inputs) -> bool:
    """Whether the projection is a part of the walk."""
    return inputs.w_ih is None or limits(recurrence.cell).take_projection(inputs.w_ih.shape)


def forward(recurrence: Recurrence, inputs: Inputs, save: bool, save_time: bool) -> Trace:
    """Run the cell over the whole sequence; see `passes.Passes`."""
    prepared, _, read = _ready(recurrence, inputs.sequence.shape[:-1], inputs)
    return prepared.forward(inputs.sequence, read, save, save_time, inputs.weights)


def gradients(
    recurrence: Recurrence, inputs: Inputs, trace: Trace, upstream: Upstream, wanted: Wanted
) -> InputGrads:
    """Walk back; products of dL/dz come right after their steps, or from the library."""
    prepared, lie, read = _ready(recurrence, trace.states.shape[:-1], inputs)
    sums, projection = lie.sums and wanted.weights, lie.projects and wanted.projection
    needs = {
        **dict.fromkeys(("weight", "w1", "w2", "bias"), sums),
        **dict.fromkeys(("w_ih", "b_ih"), projection),
        **dict.fromkeys(("h0", "c0"), wanted.states),
        "spans": True,
    }
    needed = lie.projects and wanted.layer_input, *[needs.get(n, False) for n in prepared.names]
    keep_dz = not lie.projects or sums != wanted.weights
    x = inputs.x if lie.projects else None
    found = prepared.backward(x, read, trace, upstream, needed, keep_dz)
    of = dict(zip(prepared.names, found.read, strict=True)).get
    parts = PartGrads(of("weight"), of("w1"), of("w2"), of("bias"), found.x, of("w_ih"), of("b_ih"))
    if sums != wanted.weights:
        operand = found.dz if found.dz_recurrent is None else found.dz_recurrent
        assert operand is not None
        parts = PartGrads(*recurrent_grads(inputs, trace.states, operand)[:4], *parts[4:])
    if not lie.projects and found.dz is not None:
        parts = with_projection(parts, inputs, found.dz, wanted)
    return InputGrads(
        found.dz if inputs.w_ih is None else None,
        *parts[:3], None, of("h0"), of("c0"), of("spans"), None, *parts[3:],
    )  # fmt: skip


def _ready(
    recurrence: Recurrence, lead: tuple[int, ...], inputs: Inputs
) -> tuple[Prepared, Layout, list[Tensor]]:
    """What is called for such inputs, and what it reads of them."""
    shapes = [None if p is None else p.shape for p in (inputs.dense, inputs.w1, inputs.w_ih)]
    lie = layout(recurrence, lead, *shapes)
    if inputs.w1 is not None and not lie.forms:
        inputs = inputs.with_recurrent(Recurrent.of(inputs.recurrent.effective()))
    if inputs.mask is not None and inputs.mask.dtype != inputs.h0.dtype:
        inputs = inputs._replace(mask=inputs.mask.to(inputs.h0.dtype))
    parts = [getattr(inputs, field) for field in BESIDE_THE_SEQUENCE]
    there = [(name, part) for name, part in zip(READ, parts, strict=True) if part is not None]
    expected = tuple([Expected(name, part.nbytes) for name, part in there])
    functions = functions_of(compiled(recurrence.cell), inputs.h0.dtype)
    prepared = prepare(recurrence.cell, functions, lie, lead, expected)
    return prepared, lie, [part for _, part in there]
