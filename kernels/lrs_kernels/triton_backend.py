"""Hands scans to the Triton kernels, which always carry the population axis P."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from lrs_kernels.passes import Call, Grads, Inputs, Trace, Upstream
from lrs_kernels.triton import launch
from lrs_kernels.weight_grad import weight_grads

__all__ = ["backward", "forms_weights", "forward", "weight_grads"]

forms_weights = True


def forward(call: Call, inputs: Inputs, save: bool, save_time: bool = False) -> Trace:
    """Run the cell over the whole sequence; `save` keeps what `backward` needs."""
    if inputs.x_proj.dim() == 4:
        return _FORWARD[call.cell](call, inputs, save, save_time)
    trace = _FORWARD[call.cell](call, _with_member(inputs), save, save_time)
    return Trace(*(_first(part) for part in trace))  # type: ignore[arg-type]


def backward(call: Call, inputs: Inputs, trace: Trace, upstream: Upstream) -> Grads:
    """Walk the cell back over the whole sequence."""
    if trace.states.dim() == 4:
        return _BACKWARD[call.cell](call, inputs, trace, upstream)
    trace = Trace(*(_lead(part) for part in trace))  # type: ignore[arg-type]
    upstream = Upstream(*(_lead(part) for part in upstream))
    grads = _BACKWARD[call.cell](call, _with_member(inputs), trace, upstream)
    return Grads(*(_first(part) for part in grads))  # type: ignore[arg-type]


def _lead(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.unsqueeze(0)


def _first(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.squeeze(0)


def _with_member(inputs: Inputs) -> Inputs:
    """A population of one; `x_proj` is None on the way back."""
    recurrent = inputs.recurrent.with_population()
    return Inputs(_lead(inputs.x_proj), recurrent, *(_lead(part) for part in inputs[2:]))  # type: ignore[arg-type]


def _cfc_forward(call: Call, inputs: Inputs, save: bool, save_time: bool) -> Trace:
    states = launch.cfc_forward(
        inputs.x_proj, inputs.recurrent, inputs.h0, inputs.timespans, inputs.resets,
        call.precision, save=save, save_time=save_time,
    )  # fmt: skip
    return Trace(states.y, gates=states.gates, time=states.time)


def _cfc_backward(call: Call, inputs: Inputs, trace: Trace, upstream: Upstream) -> Grads:
    states = launch.CfCStates(trace.states, trace.gates, trace.time)
    dz, dh0, d_timespans = launch.cfc_backward(
        upstream.dy, upstream.h_n, states, inputs.recurrent, inputs.h0, inputs.timespans,
        inputs.resets, call.precision,
    )  # fmt: skip
    return Grads(dz, dh0, timespans=d_timespans)


def _lstm_forward(call: Call, inputs: Inputs, save: bool, save_time: bool) -> Trace:
    assert inputs.c0 is not None
    states = launch.lstm_forward(
        inputs.x_proj, inputs.recurrent, inputs.h0, inputs.c0, inputs.resets, call.precision,
        save=save,
    )  # fmt: skip
    return Trace(states.y, states.c_n, states.gates, states.cells)


def _lstm_backward(call: Call, inputs: Inputs, trace: Trace, upstream: Upstream) -> Grads:
    assert inputs.c0 is not None and trace.c_n is not None
    states = launch.LSTMStates(trace.states, trace.c_n, trace.gates, trace.cells)
    dz, dh0, dc0 = launch.lstm_backward(
        upstream.dy, upstream.h_n, upstream.c_n, states, inputs.recurrent, inputs.h0, inputs.c0,
        inputs.resets, call.precision,
    )  # fmt: skip
    return Grads(dz, dh0, dc0)


def _gru_forward(call: Call, inputs: Inputs, save: bool, save_time: bool) -> Trace:
    states = launch.gru_forward(
        inputs.x_proj, inputs.recurrent, inputs.h0, inputs.bias_n, inputs.resets, call.precision,
        save=save,
    )  # fmt: skip
    return Trace(states.y, gates=states.gates)


def _gru_backward(call: Call, inputs: Inputs, trace: Trace, upstream: Upstream) -> Grads:
    states = launch.GRUStates(trace.states, trace.gates)
    dz, dz_recurrent, dh0 = launch.gru_backward(
        upstream.dy, upstream.h_n, states, inputs.recurrent, inputs.h0, inputs.resets,
        call.precision,
    )  # fmt: skip
    return Grads(dz, dh0, dz_recurrent=dz_recurrent)


def _rnn_forward(call: Call, inputs: Inputs, save: bool, save_time: bool) -> Trace:
    return Trace(
        launch.rnn_forward(
            inputs.x_proj, inputs.recurrent, inputs.h0, inputs.resets, call.precision, call.variant
        )
    )


def _rnn_backward(call: Call, inputs: Inputs, trace: Trace, upstream: Upstream) -> Grads:
    dz, dh0 = launch.rnn_backward(
        upstream.dy, upstream.h_n, trace.states, inputs.recurrent, inputs.h0, inputs.resets,
        call.precision, call.variant,
    )  # fmt: skip
    return Grads(dz, dh0)


_FORWARD: dict[str, Callable[[Call, Inputs, bool, bool], Trace]] = {
    "cfc": _cfc_forward,
    "lstm": _lstm_forward,
    "gru": _gru_forward,
    "rnn": _rnn_forward,
}
_BACKWARD: dict[str, Callable[[Call, Inputs, Trace, Upstream], Grads]] = {
    "cfc": _cfc_backward,
    "lstm": _lstm_backward,
    "gru": _gru_backward,
    "rnn": _rnn_backward,
}
