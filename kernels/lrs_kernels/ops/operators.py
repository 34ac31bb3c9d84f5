"""The scan as an operator of PyTorch's library, for `torch.compile`, fake tensors and tracing.

`torch.ops.lrs_kernels.scan` and `torch.ops.lrs_kernels.scan_backward`. Eager code goes through
`function.py` instead, which does the same with less overhead per call. It is a `custom_op` and no
`triton_op`: the kernels are too large for the compiler to gain from looking inside, and in Triton's
interpreter only a `custom_op` can be checked. What is absent travels as a tensor without elements.
"""

from __future__ import annotations

from dataclasses import astuple, fields
from typing import Any, NamedTuple, cast, get_type_hints

import torch
from torch import Tensor, library

from lrs_kernels import dispatch
from lrs_kernels.ops.function import (
    NO_MASK_GRADIENT,
    NO_SECOND_DERIVATIVE,
    Kept,
    Setting,
    final_state,
    forward_trace,
    input_grads,
)
from lrs_kernels.ops.members import NOTHING, over_members
from lrs_kernels.passes import Inputs, Recurrence, Trace, Upstream, Wanted
from lrs_kernels.precision import settled
from lrs_kernels.registry import find_cell


class Names(NamedTuple):
    """What runs, as an operator can be told."""

    cell: str
    variant: str
    precision: str
    backend: str

    def setting(self, device_type: str) -> Setting:
        """The same as objects."""
        cell = find_cell(self.cell)
        choice = dispatch.choose(self.backend, cell, self.variant, device_type)
        recurrence = Recurrence(cell, self.variant, settled(self.precision))
        return Setting(recurrence, dispatch.load(choice.backend))


class Left(NamedTuple):
    """What the forward operator returns: outputs, and `Trace` but for its states and weight."""

    y: Tensor
    h_n: Tensor
    c_n: Tensor
    gates: Tensor
    cells: Tensor
    time: Tensor

    @property
    def trace(self) -> tuple[Tensor, ...]:
        """The fields of `Trace` that an operator carries."""
        return self.y, *self[2:]


_TYPES = {Tensor: "Tensor", Tensor | None: "Tensor?", str: "str", bool: "bool"}


def _declared(*groups: type) -> str:
    """The arguments of an operator, from the fields of named tuples."""
    hints = {name: hint for group in groups for name, hint in get_type_hints(group).items()}
    return ", ".join(f"{_TYPES[hint]} {name}" for name, hint in hints.items())


_N, _U, _L = len(Inputs._fields), len(Upstream._fields), len(Left._fields)
_F, _W = len(Names._fields), len(fields(Wanted))
_FORWARD = f"({_declared(Inputs, Names)}, bool save, bool save_time)".replace(
    "Tensor x_proj",
    "Tensor? x_proj",  # absent where there is x
)
_KEPT = _declared(Inputs).partition(", ")[2]  # all but x_proj
_TRACE = ", ".join(f"Tensor kept_{name}" for name in Trace._fields[: _L - 1])
_UPSTREAM = ", ".join(f"Tensor? {name}" for name in ("dy", "dh_n", "dc_n"))
_BACKWARD = f"({_UPSTREAM}, {_KEPT}, {_TRACE}, {_declared(Names, Wanted)})"

# A scan in single steps keeps graphs and buffers of its own (`triton/graph.py`), which must not
# come from the memory of a graph that the compiler records around it (mode `reduce-overhead`).
_TAGS = (torch.Tag.cudagraph_unsafe,)


@library.custom_op(
    "lrs_kernels::scan",
    mutates_args=(),
    schema=f"{_FORWARD} -> ({', '.join(['Tensor'] * _L)})",
    tags=_TAGS,
)
def scan(*arguments: Any) -> Left:
    """Forward pass; arguments are `Inputs`, `Names`, save and save_time."""
    inputs, names, (save, save_time) = _forward_groups(arguments)
    setting = names.setting(inputs.h0.device.type)._replace(save_time=save_time)
    trace = forward_trace(setting, inputs, save)
    rest = (_present(part, trace.states) for part in trace[1 : _L - 1])
    return Left(trace.states, final_state(trace), *rest)


@scan.register_fake
def _scan_shapes(*arguments: Any) -> Left:
    inputs, names, (save, save_time) = _forward_groups(arguments)
    cell, like = find_cell(names.cell), inputs.sequence
    lead, hidden = like.shape[:-1], inputs.h0.shape[-1]

    def block(wanted: bool, *shape: Any) -> Tensor:
        return like.new_empty(*shape) if wanted else like.new_empty(NOTHING)

    return Left(
        block(True, *lead, hidden),
        block(True, *inputs.h0.shape),
        block(cell.has_c, *inputs.h0.shape),
        block(save and cell.saved > 0, *lead, cell.saved * hidden),
        block(save and cell.has_c, *lead, hidden),
        block(save_time, *lead, hidden),
    )


@library.custom_op(
    "lrs_kernels::scan_backward",
    mutates_args=(),
    schema=f"{_BACKWARD} -> Tensor[]",
    tags=_TAGS,
)
def scan_backward(*arguments: Any) -> list[Tensor]:
    """Backward pass: gradients of `Inputs`, in its order."""
    upstream, kept, names, wanted = _backward_groups(arguments)
    setting = names.setting(kept.inputs.h0.device.type)._replace(wanted=wanted)
    grads = input_grads(setting, upstream, kept)
    if not wanted.states:  # most backends find them on the way
        grads = grads._replace(h0=None, c0=None)
    return [_present(grad, kept.inputs.h0).contiguous() for grad in grads]


@scan_backward.register_fake
def _scan_backward_shapes(*arguments: Any) -> list[Tensor]:
    _, (inputs, trace), _, wanted = _backward_groups(arguments)
    states, gates = trace.states, inputs.recurrent.reference.shape[-3]
    x_proj = states.new_empty(*states.shape[:-1], gates * states.shape[-1])
    spans = inputs.timespans if trace.time is not None else None
    like = inputs._replace(x_proj=x_proj, mask=None, timespans=spans, resets=None)
    if inputs.w_ih is not None:
        like = like.without_x_proj()
    if not wanted.weights:
        like = like._replace(dense=None, w1=None, w2=None, bias_n=None)
    if not wanted.projection:
        like = like._replace(w_ih=None, b_ih=None)
    if not wanted.layer_input:
        like = like._replace(x=None)
    if not wanted.states:
        like = like._replace(h0=cast(Tensor, None), c0=None)
    return [states.new_empty(NOTHING if part is None else part.shape) for part in like]


def _forward_groups(arguments: tuple[Any, ...]) -> tuple[Inputs, Names, tuple[bool, bool]]:
    names = Names(*arguments[_N:-2])
    return Inputs(*arguments[:_N]), names, (arguments[-2], arguments[-1])


def _backward_groups(arguments: tuple[Any, ...]) -> tuple[Upstream, Kept, Names, Wanted]:
    upstream, rest = arguments[:_U], arguments[_U:]
    tensors, names, wanted = rest[: -_F - _W], rest[-_F - _W : -_W], rest[-_W:]
    stored, left = tensors[: _N - 1], tensors[_N - 1 :]
    kept = Kept.of((None, *stored, *map(_absent, left)))
    return Upstream(*upstream), kept, Names(*names), Wanted(*wanted)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    given, ctx.names, _ = _forward_groups(inputs)
    if Inputs(*ctx.needs_input_grad[:_N]).mask:
        raise ValueError(NO_MASK_GRADIENT)
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*given[1:], *Left(*output).trace)


def _walk_back(ctx: Any, *upstream: Tensor | None) -> tuple[Any, ...]:
    entering = Upstream(*upstream[:_U])
    nothing = (None,) * (_F + 2)
    if all(part is None for part in entering):
        return (*((None,) * _N), *nothing)
    if not find_cell(ctx.names.cell).has_c:
        entering = entering._replace(c_n=None)
    wanted = astuple(Wanted.by(ctx.needs_input_grad[:_N]))
    grads = torch.ops.lrs_kernels.scan_backward(*entering, *ctx.saved_tensors, *ctx.names, *wanted)
    return (*map(_absent, grads), *nothing)


def _refuse(ctx: Any, *upstream: Any) -> None:
    raise RuntimeError(NO_SECOND_DERIVATIVE)


def _map_scan(info: Any, in_dims: Any, *arguments: Any) -> tuple[Any, Any]:
    return over_members(scan, info.batch_size, in_dims, arguments, Inputs._fields.index("h0"))


def _map_backward(info: Any, in_dims: Any, *arguments: Any) -> tuple[Any, Any]:
    at = _U + Inputs._fields.index("h0") - 1
    return over_members(scan_backward, info.batch_size, in_dims, arguments, at)


scan.register_autograd(_walk_back, setup_context=_keep)
scan.register_vmap(_map_scan)
scan_backward.register_autograd(_refuse, setup_context=lambda ctx, inputs, output: None)
scan_backward.register_vmap(_map_backward)
for _device in ("cpu", "cuda"):
    # Autocast lowers products, not sums over a thousand steps.
    library.register_autocast("lrs_kernels::scan", _device, torch.float32)


def run_as_operator(recurrence: Recurrence, inputs: Inputs, backend: str) -> tuple[Tensor, ...]:
    """Outputs by the registered operator: states and h_n, and c_n where the cell has a c.

    Under such a mode no tensor seems to require a gradient, so what the way back needs is kept
    wherever gradients are enabled.
    """
    save = torch.is_grad_enabled()
    names = Names(recurrence.cell.name, recurrence.variant, recurrence.precision, backend)
    save_time = save and inputs.timespans is not None
    outputs = torch.ops.lrs_kernels.scan(*inputs, *names, save, save_time)
    return tuple(outputs[: 3 if recurrence.cell.has_c else 2])


def _present(part: Tensor | None, like: Tensor) -> Tensor:
    return like.new_empty(NOTHING) if part is None else part


def _absent(part: Tensor) -> Tensor | None:
    return None if part.shape == NOTHING else part
