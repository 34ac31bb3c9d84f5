"""Runs a scan: picks the backend, and takes the cheapest way that still gives the gradients."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import cast

import torch
from torch import Tensor

from lrs_kernels import dispatch
from lrs_kernels.cell import Extras, States
from lrs_kernels.low_precision import LOW, Given, all_in
from lrs_kernels.ops.direct import run_directly
from lrs_kernels.ops.exported import exported_scan
from lrs_kernels.ops.function import (
    NO_FORWARD_MODE,
    PlainScan,
    Scan,
    Setting,
    final_state,
    forward_trace,
)
from lrs_kernels.ops.known import directly
from lrs_kernels.ops.maps import Call, only_maps, under_maps
from lrs_kernels.ops.members import over_members
from lrs_kernels.ops.operators import run_as_operator
from lrs_kernels.ops.surroundings import (
    forward_mode,
    in_the_open,
    is_exporting,
    transformed,
    unwrapped,
    watched,
)
from lrs_kernels.passes import Backend, Entry, Inputs, Recurrence
from lrs_kernels.projection import project
from lrs_kernels.recurrent import Recurrent
from lrs_kernels.reference import reference_scan
from lrs_kernels.signature import Judgement, Signature, judge

_H0 = Inputs._fields.index("h0")


def run(
    signature: Signature,
    entry: Entry,
    recurrent: Recurrent,
    states: States | None,
    resets: Tensor | None,
    extras: Extras,
    backend: str,
) -> tuple[Tensor, ...]:
    """Check the arguments of a scan and run it.

    Args:
        signature: what there is to check.
        entry: projected inputs, or a layer's input and what projects it.
        recurrent: recurrent weights.
        states: initial states, `(P, B, H)` each; zeros by default.
        resets: boolean, `(P, T, B)`.
        extras: extra inputs by name.
        backend: `auto`, or the name of one.

    Returns:
        The states h_1 ... h_T, `(P, T, B, H)`, and the final one of every state.

    """
    if entry.first.is_cpu and in_the_open():
        direct = directly(signature, backend)
        if direct is not None:
            return run_directly(direct, entry, recurrent, states, resets, extras)
    judged = judge(signature)
    recurrence = judged.recurrence
    compiling = torch.compiler.is_compiling()  # where nothing can be looked up or logged
    if compiling:
        alone = dispatch.reference_alone(backend, recurrence.cell, recurrence.variant)
        chosen = "reference" if alone else backend
    else:
        chosen = _choose(recurrence, backend, judged.device_type)
    if states is None:
        count = len(recurrence.cell.states)
        states = tuple([entry.first.new_zeros(judged.state_shape) for _ in range(count)])
    given = Given(entry, recurrent, states, extras)
    if entry.first.dtype not in LOW:
        return _run_on(chosen, judged, given, resets, backend)
    low = entry.first.dtype
    if entry.w_ih is not None:
        given = given._replace(entry=_projected(all_in(entry, low)))
    if _stores(low, chosen, judged):
        return _run_on(chosen, judged, given.to(low), resets, backend)
    exact = _run_on(chosen, judged, given.to(torch.float32), resets, backend)
    return tuple([output.to(low) for output in exact])


def _run_on(
    chosen: str, judged: Judgement, given: Given, resets: Tensor | None, backend: str
) -> tuple[Tensor, ...]:
    """The same with tensors of types that the chosen backend takes."""
    (entry, recurrent, states, extras), recurrence = given, judged.recurrence
    compiling, exporting = torch.compiler.is_compiling(), is_exporting()
    if entry.w_ih is not None and (exporting or not _takes_input(chosen, judged, compiling)):
        entry = _projected(entry)
    x_proj = entry.first
    if exporting:
        weight = recurrent.effective()
        y, final = exported_scan(recurrence.form, x_proj, weight, states, resets, extras)
        return y, *final
    if chosen == "reference":
        # Autograd differentiates it as often and in whatever mode one likes.
        weight = recurrent.effective()
        y, final = reference_scan(recurrence.form, x_proj, weight, states, resets, extras)
        return y, *final
    projected = x_proj if entry.w_ih is None else None
    inputs = Inputs(
        cast(Tensor, projected), *recurrent, states[0], states[1] if len(states) > 1 else None,
        extras.get("timespans"), resets, extras.get("bias_n"),
        *((None, None, None) if entry.w_ih is None else entry),
    )  # fmt: skip
    if compiling or not judged.ordinary or watched():
        return run_as_operator(recurrence, inputs, backend)
    return _run_by_hand(judged, inputs, dispatch.load(chosen))


def _projected(entry: Entry) -> Entry:
    assert entry.w_ih is not None
    return Entry(project(entry.first, entry.w_ih, entry.b_ih), None, None)


def _stores(low: torch.dtype, chosen: str, judged: Judgement) -> bool:
    """Whether a backend reads and writes a low type itself.

    A compiler cannot ask which backend will run: the operator lifts where that does not.
    """
    if low != torch.bfloat16 or is_exporting():
        return False
    return chosen == "triton" or (chosen == "auto" and judged.device_type == "cuda")


def _takes_input(chosen: str, judged: Judgement, compiling: bool) -> bool:
    """Whether a backend projects a layer's input itself.

    A compiler cannot ask which backend will run: the operator projects where that does not.
    """
    if chosen == "native":
        return True
    return compiling and chosen == "auto" and judged.device_type == "cpu"


def _choose(recurrence: Recurrence, backend: str, device_type: str) -> str:
    """The backend that runs.

    Raises:
        RuntimeError: for forward-mode differentiation of another backend than the reference.

    """
    chosen = dispatch.choose(backend, recurrence.cell, recurrence.variant, device_type).backend
    if chosen == "reference" or not forward_mode():
        return chosen
    if backend != "auto":
        raise RuntimeError(NO_FORWARD_MODE)
    _tell_of_forward_mode(recurrence.cell.name)
    return "reference"


def _run_by_hand(judged: Judgement, inputs: Inputs, module: Backend) -> tuple[Tensor, ...]:
    recurrence = judged.recurrence
    if not transformed():
        return _run_plainly(recurrence, module, inputs, judged.needs_grad, judged.times_need_grad)
    if only_maps():
        return under_maps(partial(_run_beneath, recurrence, module), _over_members, inputs)
    # Tensors hide that they need gradients, and what another level keeps must be an output.
    setting = Setting(recurrence, module, inputs.timespans is not None)
    outputs = 2 if inputs.c0 is None else 3
    return cast(tuple[Tensor, ...], Scan.apply(setting, *inputs)[:outputs])  # type: ignore[no-untyped-call]


def _run_beneath(
    recurrence: Recurrence, module: Backend, *tensors: Tensor | None
) -> tuple[Tensor, ...]:
    """A call whose tensors had been hidden when it was judged."""
    inputs = Inputs(*tensors)  # type: ignore[arg-type]
    needs_grad = any(tensor is not None and tensor.requires_grad for tensor in tensors)
    spans = inputs.timespans
    times_need_grad = spans is not None and spans.requires_grad
    return _run_plainly(recurrence, module, inputs, needs_grad, times_need_grad)


def _over_members(
    call: Call, size: int, axes: Sequence[int | None], parts: Sequence[Tensor | None]
) -> Sequence[Tensor]:
    """The rule of a scan for `under_maps`."""
    return cast(Sequence[Tensor], over_members(call, size, axes, parts, _H0)[0])


def _run_plainly(
    recurrence: Recurrence,
    module: Backend,
    inputs: Inputs,
    needs_grad: bool,
    times_need_grad: bool,
) -> tuple[Tensor, ...]:
    """Run without transforms, and without a node of the graph where no gradient is wanted."""
    if needs_grad and torch.is_grad_enabled():
        setting = Setting(recurrence, module, times_need_grad)
        outputs = 2 if inputs.c0 is None else 3
        return cast(tuple[Tensor, ...], PlainScan.apply(setting, *inputs)[:outputs])  # type: ignore[no-untyped-call]
    inputs = Inputs(*[None if part is None else unwrapped(part) for part in inputs])  # type: ignore[arg-type]
    trace = forward_trace(Setting(recurrence, module), inputs, save=False)
    final = final_state(trace)
    return (trace.states, final) if trace.c_n is None else (trace.states, final, trace.c_n)


@lru_cache
def _tell_of_forward_mode(cell: str) -> None:
    """Say once that the reference runs."""
    dispatch.logger.info("%s scan under forward-mode differentiation runs on 'reference'", cell)
