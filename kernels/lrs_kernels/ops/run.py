"""Runs a scan: picks the backend, and takes the cheapest way that still gives the gradients."""

from __future__ import annotations

from functools import lru_cache
from typing import cast

import torch
from torch import Tensor

from lrs_kernels import dispatch
from lrs_kernels.cell import Extras, States
from lrs_kernels.ops.function import (
    NO_FORWARD_MODE,
    PlainScan,
    Scan,
    Setting,
    final_state,
)
from lrs_kernels.ops.operators import run_as_operator
from lrs_kernels.ops.surroundings import forward_mode, transformed, watched
from lrs_kernels.passes import Inputs, Recurrence
from lrs_kernels.recurrent import Recurrent
from lrs_kernels.reference import reference_scan


def run(
    recurrence: Recurrence,
    x_proj: Tensor,
    recurrent: Recurrent,
    states: States,
    resets: Tensor | None,
    extras: Extras,
    backend: str,
) -> tuple[Tensor, ...]:
    """Run a scan whose arguments have been checked.

    Args:
        recurrence: which one.
        x_proj: projected inputs, `(P, T, B, G*H)`.
        recurrent: recurrent weights.
        states: initial states, `(P, B, H)` each.
        resets: boolean, `(P, T, B)`.
        extras: extra inputs by name.
        backend: `auto`, or the name of one.

    Returns:
        The states h_1 ... h_T, `(P, T, B, H)`, and the final one of every state.

    """
    compiling = torch.compiler.is_compiling()  # where nothing can be looked up or logged
    if _by_reference(recurrence, backend, x_proj.device.type, compiling):
        weight = recurrent.effective()
        y, final = reference_scan(recurrence.form, x_proj, weight, states, resets, extras)
        return y, *final
    inputs = Inputs(
        x_proj, *recurrent, states[0], states[1] if recurrence.cell.has_c else None,
        extras.get("timespans"), resets, extras.get("bias_n"),
    )  # fmt: skip
    if compiling or watched(inputs):
        return run_as_operator(recurrence, inputs, backend)
    return _run_by_hand(recurrence, inputs, backend)


def _by_reference(recurrence: Recurrence, backend: str, device_type: str, compiling: bool) -> bool:
    """Whether the plain loop runs, which autograd differentiates as often and however one likes.

    Raises:
        RuntimeError: for forward-mode differentiation of another backend that is asked for.

    """
    cell, variant = recurrence.cell, recurrence.variant
    if compiling:
        return dispatch.reference_alone(backend, cell, variant)
    if dispatch.choose(backend, cell, variant, device_type).backend == "reference":
        return True
    if not forward_mode():
        return False
    if backend != "auto":
        raise RuntimeError(NO_FORWARD_MODE)
    _tell_of_forward_mode(cell.name)
    return True


def _run_by_hand(recurrence: Recurrence, inputs: Inputs, backend: str) -> tuple[Tensor, ...]:
    device_type = inputs.x_proj.device.type
    choice = dispatch.choose(backend, recurrence.cell, recurrence.variant, device_type)
    module = dispatch.load(choice.backend)
    outputs = 3 if recurrence.cell.has_c else 2
    spans = inputs.timespans
    if transformed():  # where tensors hide that they need gradients
        setting = Setting(recurrence, module, spans is not None)
        return cast(tuple[Tensor, ...], Scan.apply(setting, *inputs)[:outputs])  # type: ignore[no-untyped-call]
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in inputs):
        setting = Setting(recurrence, module, spans is not None and spans.requires_grad)
        return cast(tuple[Tensor, ...], PlainScan.apply(setting, *inputs)[:outputs])  # type: ignore[no-untyped-call]
    trace = module.forward(recurrence, inputs, False, False)
    final = final_state(trace)
    return (trace.states, final) if trace.c_n is None else (trace.states, final, trace.c_n)


@lru_cache
def _tell_of_forward_mode(cell: str) -> None:
    """Say once that the reference runs."""
    dispatch.logger.info("%s scan under forward-mode differentiation runs on 'reference'", cell)
