"""A scan as a node of the autograd graph: passes of a backend, then the products for weights.

`Scan` is the node for the transforms of `torch.func`, with a rule for `vmap`; `PlainScan` is the
same node for calls without any. The way back is `ScanBackward`, a node too wherever it is
looked at: by a transform that maps over it, or in a second differentiation, which is refused.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from lrs_kernels.low_precision import LOW, all_in
from lrs_kernels.ops.members import over_members
from lrs_kernels.ops.surroundings import forward_mode, mapped_the_old_way, transformed
from lrs_kernels.passes import (
    EVERYTHING,
    Backend,
    InputGrads,
    Inputs,
    Recurrence,
    Trace,
    Upstream,
    Wanted,
)
from lrs_kernels.precision import device_type, products, undisturbed
from lrs_kernels.projection import project

NO_SECOND_DERIVATIVE = (
    "the fast scans have first derivatives only, and this asks for second ones (create_graph=True, "
    "or a transform within a transform); pass backend='reference' to differentiate twice"
)
NO_FORWARD_MODE = (
    "the fast scans have no forward-mode derivatives; pass backend='reference', or backend='auto', "
    "which takes it under jvp and jacfwd"
)
NO_OLD_MAP = (
    "the fast scans have no rule for the map of torch.autograd (vectorize=True, "
    "is_grads_batched=True): use torch.func.jacrev or vmap, or pass backend='reference'"
)
NO_MASK_GRADIENT = (
    "mask requires a gradient, and the fast scans give it none: detach it, or pass "
    "backend='reference', which differentiates masks too"
)


class Kept(NamedTuple):
    """What a node keeps for the way back, each part a tuple of tensors."""

    inputs: Inputs
    trace: Trace

    @classmethod
    def of(cls, saved: Sequence[Tensor | None]) -> Kept:
        """Inputs and trace from tensors side by side."""
        count = len(Inputs._fields)
        return cls(Inputs(*saved[:count]), Trace(*saved[count:]))  # type: ignore[arg-type]


class Outputs(NamedTuple):
    """What `Scan` returns: the scan's own three first, then what is left of `Trace`."""

    y: Tensor
    h_n: Tensor
    c_n: Tensor | None
    gates: Tensor | None
    cells: Tensor | None
    time: Tensor | None
    weight: Tensor | None

    @property
    def trace(self) -> Trace:
        """The trace that the passes know."""
        return Trace(self.y, self.c_n, self.gates, self.cells, self.time, self.weight)


class Setting(NamedTuple):
    """The first argument of the nodes: what is not a tensor."""

    recurrence: Recurrence
    """What runs."""
    backend: Backend
    """What runs it."""
    save_time: bool = False
    """Whether time spans will want a gradient."""
    wanted: Wanted = EVERYTHING
    """Which gradients the way back is asked for, once that is known."""


class Scan(torch.autograd.Function):
    """`Scan.apply(setting, *inputs) -> Outputs`."""

    @staticmethod
    def forward(setting: Setting, *inputs: Tensor | None) -> Outputs:
        """Run forward."""
        given = Inputs(*inputs)  # type: ignore[arg-type]
        trace = forward_trace(setting, given)
        return Outputs(trace.states, final_state(trace), *trace[1:])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Outputs) -> None:
        """Keep what the way back needs."""
        keep(ctx, inputs[0], inputs[1:], Outputs(*output).trace)
        ctx.mark_non_differentiable(*(part for part in output[3:] if part is not None))

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor | None) -> tuple[Any, ...]:
        """Walk back; gradients of everything that `apply` was given."""
        return (None, *walk_back(ctx, Upstream(*upstream[:3])))

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        """Refuse."""
        raise RuntimeError(NO_FORWARD_MODE)

    @staticmethod
    def vmap(info: Any, in_dims: Any, *arguments: Any) -> tuple[Any, Any]:
        """Map over the population axis."""
        at = 1 + Inputs._fields.index("h0")
        results, axes = over_members(Scan.apply, info.batch_size, in_dims, arguments, at)
        return Outputs(*results), Outputs(*axes)


class PlainScan(torch.autograd.Function):
    """The same without transforms.

    PyTorch binds the arguments of a node with `setup_context` by name in every call, which takes
    longer than all else around a small scan; and here what is kept need not be an output.
    """

    @staticmethod
    def forward(
        ctx: Any, setting: Setting, *inputs: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Run forward and keep what the way back needs."""
        given = Inputs(*inputs)  # type: ignore[arg-type]
        trace = forward_trace(setting, given)
        keep(ctx, setting, inputs, trace)
        return trace.states, final_state(trace), trace.c_n

    backward = Scan.backward


class ScanBackward(torch.autograd.Function):
    """`ScanBackward.apply(setting, *upstream, *kept) -> InputGrads`."""

    @staticmethod
    def forward(setting: Setting, *tensors: Tensor | None) -> tuple[Tensor | None, ...]:
        """Run backward."""
        return input_grads(setting, Upstream(*tensors[:3]), Kept.of(tensors[3:]))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor | None, ...]) -> None:
        """Nothing to keep."""

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor | None) -> tuple[Any, ...]:
        """Refuse."""
        raise RuntimeError(NO_SECOND_DERIVATIVE)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        """Refuse."""
        raise RuntimeError(NO_FORWARD_MODE)

    @staticmethod
    def vmap(info: Any, in_dims: Any, *arguments: Any) -> tuple[Any, Any]:
        """Map over the population axis."""
        at = 1 + len(Upstream._fields) + Inputs._fields.index("h0")
        return over_members(ScanBackward.apply, info.batch_size, in_dims, arguments, at)


for _node in (Scan, ScanBackward):
    # PyTorch binds the arguments of these nodes by name in every call; a signature that is there
    # already is not made anew, which takes a quarter of a millisecond off a call under vmap.
    setattr(_node.forward, "__signature__", inspect.signature(_node.forward))  # noqa: B010


def keep(ctx: Any, setting: Setting, inputs: tuple[Tensor | None, ...], trace: Trace) -> None:
    """Keep what the way back needs, the inputs as they were given.

    Raises:
        ValueError: if the mask requires a gradient.

    """
    if ctx.needs_input_grad[1 + Inputs._fields.index("mask")]:
        raise ValueError(NO_MASK_GRADIENT)
    ctx.setting = setting
    ctx.set_materialize_grads(False)
    # The input part is used up; keeping it alive would double the memory of a step.
    ctx.save_for_backward(None, *inputs[1:], *trace)


def walk_back(ctx: Any, upstream: Upstream) -> tuple[Any, ...]:
    """Gradients of `Inputs` from what `keep` kept."""
    if upstream.dy is None and upstream.h_n is None and upstream.c_n is None:
        return (None,) * len(Inputs._fields)
    refuse_to_walk_back(upstream)
    recurrence, backend, *_ = ctx.setting
    setting = Setting(recurrence, backend, wanted=Wanted.by(ctx.needs_input_grad[1:]))
    if torch.is_grad_enabled() or transformed():
        apply = cast(Callable[..., tuple[Any, ...]], ScanBackward.apply)
        return apply(setting, *upstream, *ctx.saved_tensors)
    return input_grads(setting, upstream, Kept.of(ctx.saved_tensors))


def refuse_to_walk_back(upstream: Upstream) -> None:
    """Raise where the way back has no rule for what is around it.

    Raises:
        RuntimeError: under forward-mode differentiation or the map of `torch.autograd`.

    """
    if forward_mode():
        raise RuntimeError(NO_FORWARD_MODE)
    if mapped_the_old_way(upstream):
        raise RuntimeError(NO_OLD_MAP)


def final_state(trace: Trace) -> Tensor:
    """h_T as memory of its own, since outputs of a node must not share any."""
    return trace.states.select(-3, -1).clone()


def forward_trace(setting: Setting, inputs: Inputs, save: bool = True) -> Trace:
    """Run the forward pass; `save` keeps what the way back needs."""
    recurrence, backend = setting.recurrence, setting.backend
    low = inputs.h0.dtype
    if low in LOW and not backend.STORES_BFLOAT16:
        trace = forward_trace(setting, all_in(inputs, torch.float32), save)
        return all_in(trace, low)
    with undisturbed(device_type(inputs.h0)):
        if inputs.w_ih is not None and not backend.takes_input(recurrence, inputs):
            with products(recurrence.precision, device_type(inputs.h0)):
                x_proj = project(inputs.sequence, inputs.w_ih, inputs.b_ih)
            inputs = inputs._replace(x_proj=x_proj, x=None, w_ih=None, b_ih=None)
        return backend.forward(recurrence, inputs, save, setting.save_time)


def input_grads(setting: Setting, upstream: Upstream, kept: Kept) -> InputGrads:
    """Run the backward pass, and the products that do not depend on the order of the steps.

    Args:
        setting: what was run, by what, and which gradients are wanted.
        upstream: gradients of the outputs.
        kept: the inputs as they were given, but for `x_proj`, and what the forward pass left.

    """
    low = kept.inputs.h0.dtype
    if low in LOW and not setting.backend.STORES_BFLOAT16:
        exact = Kept(all_in(kept.inputs, torch.float32), all_in(kept.trace, torch.float32))
        return all_in(input_grads(setting, all_in(upstream, torch.float32), exact), low)
    inputs, trace = kept
    with undisturbed(device_type(inputs.h0)):
        return setting.backend.gradients(
            setting.recurrence, inputs, trace, upstream, setting.wanted
        )
