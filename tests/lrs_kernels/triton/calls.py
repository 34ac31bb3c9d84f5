"""Calls of the kernels beside calls of the reference loops, for the tests of this folder."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial

import torch
from torch import Tensor

from lrs_kernels import find_cell
from lrs_kernels.low_precision import all_in
from lrs_kernels.passes import Inputs, Recurrence, Upstream
from lrs_kernels.recurrent import Recurrent
from lrs_kernels.reference import reference_scan
from lrs_kernels.triton import launch

GATES = {
    "cfc": 3,
    "cfc4": 4,
    "no_gate": 3,
    "no_gate4": 4,
    "lstm": 4,
    "gru": 3,
    "rnn": 1,
    "relu": 1,
}
CFCS = ("cfc", "cfc4", "no_gate", "no_gate4")


@dataclass(frozen=True)
class Case:
    """Sizes and options of one call; `rank=None` means dense weights."""

    members: int = 1
    steps: int = 3
    batch: int = 5
    hidden: int = 16
    rank: int | None = None
    mask: float | None = None  # density
    resets: bool = False
    timespans: bool = False

    def __str__(self) -> str:
        shape = f"P{self.members}-T{self.steps}-B{self.batch}-H{self.hidden}"
        options = f"r{self.rank}-mask{self.mask}" + "-resets" * self.resets
        return f"{shape}-{options}" + "-dt" * self.timespans


@dataclass
class Arguments:
    """The tensors of one call, and upstream gradients for its outputs."""

    x_proj: Tensor
    recurrent: Recurrent
    h0: Tensor
    c0: Tensor
    bias_n: Tensor
    timespans: Tensor | None
    resets: Tensor | None
    dy: Tensor
    d_final: Tensor
    dc_n: Tensor


def make(case: Case, cell: str, dtype: torch.dtype = torch.float64) -> Arguments:
    p, t, b, h, g = case.members, case.steps, case.batch, case.hidden, GATES[cell]
    scale = h**-0.5

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=dtype)

    if case.rank is None:
        weight: Tensor | tuple[Tensor, Tensor] = normal(p, g, h, h) * scale
    else:
        weight = normal(p, g, h, case.rank) * scale, normal(p, g, case.rank, h) * case.rank**-0.5
    mask = None if case.mask is None else (torch.rand(p, g, h, h) < case.mask).to(dtype)
    resets = torch.rand(p, t, b) < 0.4 if case.resets else None
    timespans = torch.rand(p, t, b, dtype=dtype) * 2 if case.timespans else None
    return Arguments(
        normal(p, t, b, g * h),
        Recurrent.of(weight, mask),
        normal(p, b, h),
        normal(p, b, h),
        normal(p, h),
        timespans,
        resets,
        normal(p, t, b, h),
        normal(p, b, h),
        normal(p, b, h),
    )


VARIANTS = {
    "cfc": ("cfc", "paper"),
    "cfc4": ("cfc", "default"),
    "no_gate": ("cfc", "no_gate"),
    "no_gate4": ("cfc", "no_gate"),
    "lstm": ("lstm", "standard"),
    "gru": ("gru", "standard"),
    "rnn": ("rnn", "tanh"),
    "relu": ("rnn", "relu"),
}


def recurrence_of(cell: str, precision: str = "ieee") -> Recurrence:
    name, variant = VARIANTS[cell]
    return Recurrence(find_cell(name), variant, precision)


def judge(call: Arguments, cell: str) -> dict[str, Tensor]:
    """Outputs of the reference loop in float64, and gradients as `run_kernels` names them."""
    recurrence = recurrence_of(cell)
    given = {"dz": call.x_proj, "dh0": call.h0}
    if recurrence.cell.has_c:
        given["dc0"] = call.c0
    if recurrence.cell.joins_late:
        given["d_bias"] = call.bias_n
    if "timespans" in recurrence.form.extras and call.timespans is not None:
        given["d_timespans"] = call.timespans
    at = {name: leaf.detach().double().requires_grad_() for name, leaf in given.items()}
    states = (at["dh0"], at["dc0"]) if "dc0" in at else (at["dh0"],)
    named = {"timespans": "d_timespans", "bias_n": "d_bias"}
    extras = {name: at[key] for name, key in named.items() if key in at}
    weight = all_in(call.recurrent, torch.float64).effective()
    y, final = reference_scan(recurrence.form, at["dz"], weight, states, call.resets, extras)
    outputs = (y, *final)
    upstream = [call.dy, call.d_final, call.dc_n][: len(outputs)]
    grads = torch.autograd.grad(outputs, list(at.values()), [u.double() for u in upstream])
    return {"y": y.detach(), **dict(zip(at, grads, strict=True))}


def judge_relu_at(call: Arguments, y: Tensor) -> dict[str, Tensor]:
    """Gradients of the relu network where it has those states, in float64.

    A rounding that turns a unit off changes the derivative by all of it: no tolerance covers that,
    so the reference takes from `y`, `(P, T, B, H)`, which units are on.
    """
    x, h0 = (part.double().requires_grad_() for part in (call.x_proj, call.h0))
    turned = all_in(call.recurrent, torch.float64).effective()[:, 0].mT
    state, states = h0, []
    for t in range(x.shape[1]):
        if call.resets is not None:
            state = state.masked_fill(call.resets[:, t, :, None], 0.0)
        state = (x[:, t] + state @ turned) * (y[:, t] > 0)
        states.append(state)
    upstream = [call.dy.double(), call.d_final.double()]
    grads = torch.autograd.grad((torch.stack(states, 1), state), (x, h0), upstream)
    return dict(zip(("dz", "dh0"), grads, strict=True))


REFERENCE = {cell: partial(judge, cell=cell) for cell in VARIANTS}


def prepare(call: Arguments, cell: str, precision: str = "ieee") -> tuple[Recurrence, Inputs]:
    """What the kernels are asked, with the options that the cell has."""
    recurrence = recurrence_of(cell, precision)
    inputs = Inputs.of(call.x_proj, call.recurrent, call.h0, resets=call.resets)
    if "timespans" in recurrence.form.extras:
        inputs = inputs._replace(timespans=call.timespans)
    if recurrence.cell.has_c:
        inputs = inputs._replace(c0=call.c0)
    if recurrence.cell.joins_late:
        inputs = inputs._replace(bias_n=call.bias_n)
    return recurrence, inputs


def run_kernels(call: Arguments, precision: str = "ieee", *, cell: str) -> dict[str, Tensor]:
    """Outputs of the kernels and their gradients, named as `judge` names them."""
    recurrence, inputs = prepare(call, cell, precision)
    trace = launch.forward(recurrence, inputs, save_time=inputs.timespans is not None)
    upstream = Upstream(call.dy, call.d_final, call.dc_n if recurrence.cell.has_c else None)
    grads = launch.backward(recurrence, inputs._replace(x_proj=None), trace, upstream)
    if trace.cells is not None and call.x_proj.dtype == torch.float64:
        assert torch.equal(trace.c_n, trace.cells[:, -1])
    found = {"y": trace.states, "dz": grads.dz, "dh0": grads.h0}
    named = {"dc0": grads.c0, "d_timespans": grads.timespans}
    if grads.dz_recurrent is not None:  # the GRU
        last = 2 * call.h0.shape[-1]
        assert torch.equal(grads.dz_recurrent[..., :last], grads.dz[..., :last])
        named["d_bias"] = grads.dz_recurrent[..., last:].sum((1, 2))
    return found | {name: grad for name, grad in named.items() if grad is not None}


KERNEL = {cell: partial(run_kernels, cell=cell) for cell in REFERENCE}


def rms_ratio(found: Tensor, expected: Tensor) -> float:
    assert found.shape == expected.shape
    assert not found.isnan().any(), "something nobody wrote was read"
    error = (found.double() - expected).square().mean().sqrt()
    return (error / expected.square().mean().sqrt().clamp_min(1e-300)).item()


def member(call: Arguments, index: int) -> Arguments:
    """One member of a population, as a population of one."""
    parts = {}
    for field in fields(call):
        value = getattr(call, field.name)
        if isinstance(value, Recurrent):
            value = Recurrent(*(None if p is None else p[index : index + 1] for p in value))
        elif value is not None:
            value = value[index : index + 1]
        parts[field.name] = value
    return Arguments(**parts)
