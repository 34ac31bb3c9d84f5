"""Calls of the kernels beside calls of the reference loops, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial

import torch
from torch import Tensor

from lrs_kernels import passes
from lrs_kernels.passes import Inputs, Upstream
from lrs_kernels.recurrent import Recurrent
from lrs_kernels.reference import cfc_reference, gru_reference, lstm_reference, rnn_reference
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

Scan = Callable[[Tensor, dict[str, Tensor]], tuple[Tensor, ...]]


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
class Call:
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


def make(case: Case, cell: str, dtype: torch.dtype = torch.float64) -> Call:
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
    return Call(
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


def judge(call: Call, scan: Scan, **leaves: Tensor) -> dict[str, Tensor]:
    """Outputs of a reference loop in float64, and the gradients of `leaves` under their names."""
    wanted = {name: leaf.detach().double().requires_grad_() for name, leaf in leaves.items()}
    outputs = scan(call.recurrent.effective().double(), wanted)
    upstream = [call.dy, call.d_final, call.dc_n][: len(outputs)]
    grads = torch.autograd.grad(outputs, list(wanted.values()), [u.double() for u in upstream])
    return {"y": outputs[0].detach(), **dict(zip(wanted, grads, strict=True))}


def reference_cfc(call: Call, mode: str = "default") -> dict[str, Tensor]:
    timed = {} if call.timespans is None else {"d_timespans": call.timespans}
    return judge(
        call,
        lambda w, at: cfc_reference(
            at["dz"], w, at["dh0"], at.get("d_timespans"), call.resets, mode
        ),
        dz=call.x_proj,
        dh0=call.h0,
        **timed,
    )


def reference_lstm(call: Call) -> dict[str, Tensor]:
    return judge(
        call,
        lambda w, at: lstm_reference(at["dz"], w, at["dh0"], at["dc0"], call.resets),
        dz=call.x_proj,
        dh0=call.h0,
        dc0=call.c0,
    )


def reference_gru(call: Call) -> dict[str, Tensor]:
    return judge(
        call,
        lambda w, at: gru_reference(at["dz"], w, at["dh0"], at["d_bias"], call.resets),
        dz=call.x_proj,
        dh0=call.h0,
        d_bias=call.bias_n,
    )


def reference_rnn(call: Call, nonlinearity: str = "tanh") -> dict[str, Tensor]:
    return judge(
        call,
        lambda w, at: rnn_reference(at["dz"], w, at["dh0"], call.resets, nonlinearity),
        dz=call.x_proj,
        dh0=call.h0,
    )


REFERENCE = {
    "cfc": reference_cfc,
    "cfc4": reference_cfc,
    "no_gate": partial(reference_cfc, mode="no_gate"),
    "no_gate4": partial(reference_cfc, mode="no_gate"),
    "lstm": reference_lstm,
    "gru": reference_gru,
    "rnn": reference_rnn,
    "relu": partial(reference_rnn, nonlinearity="relu"),
}

VARIANTS = {
    "cfc": ("cfc", "default"),
    "cfc4": ("cfc", "default"),
    "no_gate": ("cfc", "no_gate"),
    "no_gate4": ("cfc", "no_gate"),
    "lstm": ("lstm", "default"),
    "gru": ("gru", "default"),
    "rnn": ("rnn", "tanh"),
    "relu": ("rnn", "relu"),
}


def prepare(call: Call, cell: str, precision: str = "ieee") -> tuple[passes.Call, Inputs]:
    """What the kernels are asked, with the options that the cell has."""
    kind = passes.Call(*VARIANTS[cell], precision)
    inputs = Inputs(call.x_proj, call.recurrent, call.h0, resets=call.resets)
    if kind.cell == "cfc":
        inputs = inputs._replace(timespans=call.timespans)
    elif kind.cell == "lstm":
        inputs = inputs._replace(c0=call.c0)
    elif kind.cell == "gru":
        inputs = inputs._replace(bias_n=call.bias_n)
    return kind, inputs


def run_kernels(call: Call, precision: str = "ieee", *, cell: str) -> dict[str, Tensor]:
    """Outputs of the kernels and their gradients, named as `judge` names them."""
    kind, inputs = prepare(call, cell, precision)
    trace = launch.forward(kind, inputs, save_time=inputs.timespans is not None)
    upstream = Upstream(call.dy, call.d_final, call.dc_n if kind.cell == "lstm" else None)
    grads = launch.backward(kind, inputs._replace(x_proj=None), trace, upstream)
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


def member(call: Call, index: int) -> Call:
    """One member of a population, as a population of one."""
    parts = {}
    for field in fields(call):
        value = getattr(call, field.name)
        if isinstance(value, Recurrent):
            value = Recurrent(*(None if p is None else p[index : index + 1] for p in value))
        elif value is not None:
            value = value[index : index + 1]
        parts[field.name] = value
    return Call(**parts)
