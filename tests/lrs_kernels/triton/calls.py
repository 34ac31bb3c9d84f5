"""Calls of the kernels beside calls of the reference loops, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from lrs_kernels.recurrent import Recurrent
from lrs_kernels.reference import cfc_reference, gru_reference, lstm_reference, rnn_reference
from lrs_kernels.triton import launch

GATES = {"cfc": 3, "lstm": 4, "gru": 3, "rnn": 1, "relu": 1}

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


def reference_cfc(call: Call) -> dict[str, Tensor]:
    timed = {} if call.timespans is None else {"d_timespans": call.timespans}
    return judge(
        call,
        lambda w, at: cfc_reference(at["dz"], w, at["dh0"], at.get("d_timespans"), call.resets),
        dz=call.x_proj,
        dh0=call.h0,
        **timed,
    )


def kernel_cfc(call: Call, precision: str = "ieee") -> dict[str, Tensor]:
    common = (call.recurrent, call.h0, call.timespans, call.resets, precision)
    states = launch.cfc_forward(call.x_proj, *common, save_time=call.timespans is not None)
    dz, dh0, d_timespans = launch.cfc_backward(call.dy, call.d_final, states, *common)
    found = {"y": states.y, "dz": dz, "dh0": dh0}
    return found if d_timespans is None else {**found, "d_timespans": d_timespans}


def reference_lstm(call: Call) -> dict[str, Tensor]:
    return judge(
        call,
        lambda w, at: lstm_reference(at["dz"], w, at["dh0"], at["dc0"], call.resets),
        dz=call.x_proj,
        dh0=call.h0,
        dc0=call.c0,
    )


def kernel_lstm(call: Call, precision: str = "ieee") -> dict[str, Tensor]:
    common = (call.recurrent, call.h0, call.c0, call.resets, precision)
    states = launch.lstm_forward(call.x_proj, *common)
    assert states.cells is not None
    if call.x_proj.dtype == torch.float64:
        assert torch.equal(states.c_n, states.cells[:, -1])
    dz, dh0, dc0 = launch.lstm_backward(call.dy, call.d_final, call.dc_n, states, *common)
    return {"y": states.y, "dz": dz, "dh0": dh0, "dc0": dc0}


def reference_gru(call: Call) -> dict[str, Tensor]:
    found = judge(
        call,
        lambda w, at: gru_reference(at["dz"], w, at["dh0"], at["d_bias"], call.resets),
        dz=call.x_proj,
        dh0=call.h0,
        d_bias=call.bias_n,
    )
    return found


def kernel_gru(call: Call, precision: str = "ieee") -> dict[str, Tensor]:
    common = (call.resets, precision)
    states = launch.gru_forward(call.x_proj, call.recurrent, call.h0, call.bias_n, *common)
    dz, dz_recurrent, dh0 = launch.gru_backward(
        call.dy, call.d_final, states, call.recurrent, call.h0, *common
    )
    hidden = call.h0.shape[-1]
    assert torch.equal(dz_recurrent[..., : 2 * hidden], dz[..., : 2 * hidden])
    d_bias = dz_recurrent[..., 2 * hidden :].sum((1, 2))
    return {"y": states.y, "dz": dz, "dh0": dh0, "d_bias": d_bias}


def reference_rnn(call: Call, nonlinearity: str = "tanh") -> dict[str, Tensor]:
    return judge(
        call,
        lambda w, at: rnn_reference(at["dz"], w, at["dh0"], call.resets, nonlinearity),
        dz=call.x_proj,
        dh0=call.h0,
    )


def kernel_rnn(
    call: Call, precision: str = "ieee", nonlinearity: str = "tanh"
) -> dict[str, Tensor]:
    common = (call.recurrent, call.h0, call.resets, precision, nonlinearity)
    y = launch.rnn_forward(call.x_proj, *common)
    dz, dh0 = launch.rnn_backward(call.dy, call.d_final, y, *common)
    return {"y": y, "dz": dz, "dh0": dh0}


def reference_relu(call: Call) -> dict[str, Tensor]:
    return reference_rnn(call, "relu")


def kernel_relu(call: Call, precision: str = "ieee") -> dict[str, Tensor]:
    return kernel_rnn(call, precision, "relu")


REFERENCE = {
    "cfc": reference_cfc,
    "lstm": reference_lstm,
    "gru": reference_gru,
    "rnn": reference_rnn,
    "relu": reference_relu,
}
KERNEL = {
    "cfc": kernel_cfc,
    "lstm": kernel_lstm,
    "gru": kernel_gru,
    "rnn": kernel_rnn,
    "relu": kernel_relu,
}


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
