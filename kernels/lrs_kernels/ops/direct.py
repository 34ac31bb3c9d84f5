"""The usual call in C: no transform, no mode and no compiler around it, and all of it in C.

A small scan takes less time than the way to it through what serves any backend in any surroundings.
So it has a way of its own, with the same checks before it and the same numbers after it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from lrs_kernels import dispatch
from lrs_kernels.cell import Extras, States
from lrs_kernels.low_precision import LOW
from lrs_kernels.native.layout import layout
from lrs_kernels.native.limits import Limits, limits
from lrs_kernels.native.prepared import READ, Prepared
from lrs_kernels.ops.function import ScanBackward, Setting, refuse_to_walk_back
from lrs_kernels.ops.surroundings import transformed
from lrs_kernels.passes import (
    BESIDE_THE_SEQUENCE,
    Entry,
    InputGrads,
    Inputs,
    Trace,
    Upstream,
    Wanted,
)
from lrs_kernels.recurrent import Recurrent
from lrs_kernels.signature import Judgement

_FIELD_OF = dict(zip(READ, BESIDE_THE_SEQUENCE, strict=True))
_TRACE = len(Trace._fields)
_OTHER_WEIGHTS = (
    "a tensor that a scan has read was given another shape or type, through its .data, before the "
    "backward pass: run the forward pass again"
)


class Direct(NamedTuple):
    """What is known of the calls of a signature."""

    prepared: Prepared
    judged: Judgement
    is_layer: bool
    zeros: tuple[Tensor, ...]
    """Initial states where none are given, which all such calls share."""
    kept: list[tuple[tuple[int, ...], torch.dtype]]
    """Shape and type of what is read beside the sequence."""


def directly(judged: Judgement) -> Direct | None:
    """How such calls run; None where PyTorch's library has a part in them."""
    if not judged.ordinary:
        return None
    return _directly(judged, limits(judged.recurrence.cell), torch.get_num_threads())


@lru_cache(maxsize=1024)
def _directly(judged: Judgement, bounds: Limits, threads: int) -> Direct | None:
    """The same; `layout` asks for `bounds` and `threads` again, here they are what it goes by."""
    kinds, cell = judged.kinds, judged.recurrence.cell
    mask, dtype, w_ih = kinds.mask, kinds.x_proj.dtype, kinds.w_ih
    if dtype in LOW or (mask is not None and (mask.dtype != dtype or mask.requires_grad)):
        return None
    lead = tuple(kinds.x_proj.shape[:-1])
    shapes = [None if kind is None else kind.shape for kind in (kinds.dense, kinds.w1, w_ih)]
    lie = layout(judged.recurrence, lead, *shapes)
    if not lie.sums or (w_ih is not None and not lie.projects):
        return None
    h0, c0 = (*(kinds.states or ()), None, None)[:2]
    there = (
        kinds.dense, kinds.w1, kinds.w2, mask, h0, c0,
        kinds.extras.get("timespans"), kinds.resets, kinds.extras.get("bias_n"), w_ih, kinds.b_ih,
    )  # fmt: skip
    named = {name: kind for name, kind in zip(READ, there, strict=True) if kind is not None}
    names, kept = tuple(named), [(kind.shape, kind.dtype) for kind in named.values()]
    zeros = () if kinds.states else (_zeros(judged.state_shape, dtype),) * len(cell.states)
    prepared = Prepared(cell, lie, lead, names, zeros)
    return Direct(prepared, judged, w_ih is not None, zeros, kept)


def _zeros(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """A state that nobody writes to, a part of one for all of up to its size."""
    count = math.prod(shape)
    return _many_zeros(1 << count.bit_length(), dtype)[:count].view(shape)


@lru_cache
def _many_zeros(count: int, dtype: torch.dtype) -> Tensor:
    """Where C can read them, whatever device is the default, and whatever mode is on."""
    with torch.inference_mode(False):
        return torch.zeros(count, dtype=dtype, device="cpu")


def run_directly(
    direct: Direct,
    entry: Entry,
    recurrent: Recurrent,
    states: States | None,
    resets: Tensor | None,
    extras: Extras,
) -> tuple[Tensor, ...]:
    """Run; arguments and result as of `run.run`, and no states where they start at zero."""
    sequence, w_ih, b_ih = entry
    there = (
        *recurrent, *(states or ()), extras.get("timespans"), resets, extras.get("bias_n"),
        w_ih, b_ih,
    )  # fmt: skip
    read = [part for part in there if part is not None]
    if direct.judged.needs_grad and torch.is_grad_enabled():
        return cast(tuple[Tensor, ...], DirectScan.apply(direct, sequence, *read))  # type: ignore[no-untyped-call]
    prepared = direct.prepared
    h_n = sequence.new_empty(*prepared.of_final)
    trace = prepared.forward(sequence, read, False, weights=(*recurrent, w_ih), h_n=h_n)
    return _outputs(trace, h_n)


def _outputs(trace: Trace, h_n: Tensor) -> tuple[Tensor, ...]:
    return (trace.states, h_n) if trace.c_n is None else (trace.states, h_n, trace.c_n)


class DirectScan(torch.autograd.Function):
    """`DirectScan.apply(direct, sequence, *read)`: the states of all steps, and the final ones."""

    @staticmethod
    def forward(ctx: Any, direct: Direct, sequence: Tensor, *read: Tensor) -> tuple[Tensor, ...]:
        """Run forward and keep what the way back needs."""
        prepared, judged, is_layer, *_ = direct
        h_n = sequence.new_empty(*prepared.of_final)
        trace = prepared.forward(sequence, read, True, judged.times_need_grad, h_n=h_n)
        ctx.direct = direct
        ctx.set_materialize_grads(False)
        # A projected sequence is used up; keeping it alive would double the memory of a step.
        ctx.save_for_backward(sequence if is_layer else None, *trace, *read)
        return _outputs(trace, h_n)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor | None) -> tuple[Tensor | None, ...]:
        """Walk back; gradients of everything that `apply` was given."""
        entering = Upstream(*upstream)
        if entering.dy is None and entering.h_n is None and entering.c_n is None:
            return (None,) * len(ctx.needs_input_grad)
        refuse_to_walk_back(entering)
        sequence, *kept = ctx.saved_tensors
        trace, read = Trace(*kept[:_TRACE]), kept[_TRACE:]
        if [(part.shape, part.dtype) for part in read] != ctx.direct.kept:
            raise RuntimeError(_OTHER_WEIGHTS)  # C would read beyond them
        needed = ctx.needs_input_grad[1:]
        if torch.is_grad_enabled() or transformed():
            return None, *_looked_at(ctx.direct, sequence, read, trace, entering, needed)
        found = ctx.direct.prepared.backward(sequence, read, trace, entering, needed)
        return None, found.dz if sequence is None else found.x, *found.read


def _looked_at(
    direct: Direct,
    sequence: Tensor | None,
    read: Sequence[Tensor],
    trace: Trace,
    upstream: Upstream,
    needed: tuple[bool, ...],
) -> list[Tensor | None]:
    """The same gradients by a node that transforms and a second differentiation can look at."""
    fields = [_FIELD_OF[name] for name in direct.prepared.names]
    nothing = Inputs(*(None,) * len(Inputs._fields))  # type: ignore[arg-type]
    states = dict(zip(("h0", "c0"), direct.zeros, strict=False))
    inputs = nothing._replace(x=sequence, **states, **dict(zip(fields, read, strict=True)))
    fields = ["x_proj" if sequence is None else "x", *fields]
    needs = dict(zip(fields, needed, strict=True))
    wanted = Wanted.by(tuple([needs.get(field, False) for field in Inputs._fields]))
    setting = Setting(direct.judged.recurrence, dispatch.load("native"), wanted=wanted)
    grads = InputGrads(*ScanBackward.apply(setting, *upstream, *inputs, *trace))  # type: ignore[no-untyped-call]
    return [getattr(grads, field) for field in fields]
