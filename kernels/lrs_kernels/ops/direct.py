"""The usual call in C: no transform, no mode and no compiler around it, and all of it in C.

A small scan takes less time than the way to it through what serves any backend in any surroundings.
So it has a way of its own, with the same checks before it and the same numbers after it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

from lrs_kernels import dispatch
from lrs_kernels.cell import Extras, States
from lrs_kernels.native.prepared import READ
from lrs_kernels.ops.function import ScanBackward, Setting, refuse_to_walk_back
from lrs_kernels.ops.known import Direct
from lrs_kernels.ops.surroundings import transformed, unwrapped
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

_MaybeTensor = TypeVar("_MaybeTensor", Tensor, Tensor | None)
_FIELD_OF = dict(zip(READ, BESIDE_THE_SEQUENCE, strict=True))
_TRACE = len(Trace._fields)


def run_directly(
    direct: Direct,
    entry: Entry,
    recurrent: Recurrent,
    states: States | None,
    resets: Tensor | None,
    extras: Extras,
) -> tuple[Tensor, ...]:
    """Run; arguments as of `run.run`, and no states where they start at zero.

    Returns:
        The states of all steps, and the final one of every state, their axes as `direct` says.

    """
    sequence, w_ih, b_ih = entry
    there = (
        *recurrent, *(states or ()), extras.get("timespans"), resets, extras.get("bias_n"),
        w_ih, b_ih,
    )  # fmt: skip
    read = [unwrapped(part) for part in there if part is not None]
    sequence = unwrapped(sequence)
    if direct.judged.needs_grad and torch.is_grad_enabled():
        return _node(direct, sequence, *read)
    prepared = direct.prepared
    h_n = sequence.new_empty(prepared.of_final)
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
        h_n = sequence.new_empty(prepared.of_final)
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
        needed = ctx.needs_input_grad[1:]
        if torch.is_grad_enabled() or transformed():
            return None, *_looked_at(ctx.direct, sequence, read, trace, entering, needed)
        found = ctx.direct.prepared.backward(sequence, read, trace, entering, needed)
        return None, found.dz if sequence is None else found.x, *found.read


_node = cast(Callable[..., tuple[Tensor, ...]], super(torch.autograd.Function, DirectScan).apply)
"""`DirectScan.apply` without its questions in Python: whether a transform is at work, and whether
one has left a tensor behind. The first is asked before, the second of all tensors in C."""


def _looked_at(
    direct: Direct,
    sequence: Tensor | None,
    read: Sequence[Tensor],
    trace: Trace,
    upstream: Upstream,
    needed: tuple[bool, ...],
) -> list[Tensor | None]:
    """The same gradients by a node that transforms and a second differentiation can look at."""
    batch_first, layers = direct.axes
    if batch_first:
        sequence, dy = _swapped(sequence), _swapped(upstream.dy)
        trace, upstream = trace._replace(states=_swapped(trace.states)), upstream._replace(dy=dy)
    if layers:
        dh_n, dc_n, c_n = map(_of_one_layer, (*upstream[1:], trace.c_n))
        trace, upstream = trace._replace(c_n=c_n), upstream._replace(h_n=dh_n, c_n=dc_n)
    fields = [_FIELD_OF[name] for name in direct.prepared.names]
    nothing = Inputs(*(None,) * len(Inputs._fields))  # type: ignore[arg-type]
    states = dict(zip(("h0", "c0"), direct.zeros, strict=False))
    inputs = nothing._replace(x=sequence, **states, **dict(zip(fields, read, strict=True)))
    fields = ["x_proj" if sequence is None else "x", *fields]
    needs = dict(zip(fields, needed, strict=True))
    wanted = Wanted.by(tuple([needs.get(field, False) for field in Inputs._fields]))
    setting = Setting(direct.judged.recurrence, dispatch.load("native"), wanted=wanted)
    grads = InputGrads(*ScanBackward.apply(setting, *upstream, *inputs, *trace))  # type: ignore[no-untyped-call]
    first, *others = [getattr(grads, field) for field in fields]
    return [_swapped(first) if batch_first else first, *others]


def _swapped(sequence: _MaybeTensor) -> _MaybeTensor:
    """With the axes of steps and rows exchanged."""
    return sequence if sequence is None else sequence.transpose(-3, -2)


def _of_one_layer(state: Tensor | None) -> Tensor | None:
    """Without its axis of layers."""
    return None if state is None else state.squeeze(0)
