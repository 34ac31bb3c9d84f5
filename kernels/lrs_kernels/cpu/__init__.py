"""The recurrences on the CPU: loops over time of few, large PyTorch calls."""

from __future__ import annotations

from lrs_kernels.cpu.cfc import cfc_backward, cfc_forward
from lrs_kernels.cpu.gru import gru_backward, gru_forward
from lrs_kernels.cpu.lstm import lstm_backward, lstm_forward
from lrs_kernels.cpu.rnn import rnn_backward, rnn_forward
from lrs_kernels.passes import Call, Grads, Inputs, Trace, Upstream
from lrs_kernels.weight_grad import weight_grads

__all__ = ["backward", "forms_weights", "forward", "weight_grads"]

forms_weights = False

_FORWARD = {"cfc": cfc_forward, "lstm": lstm_forward, "gru": gru_forward, "rnn": rnn_forward}
_BACKWARD = {"cfc": cfc_backward, "lstm": lstm_backward, "gru": gru_backward, "rnn": rnn_backward}


def forward(call: Call, inputs: Inputs, save: bool, save_time: bool = False) -> Trace:
    """Run the cell over the whole sequence; `save` keeps what `backward` needs."""
    return _FORWARD[call.cell](call, inputs, save, save_time)


def backward(call: Call, inputs: Inputs, trace: Trace, upstream: Upstream) -> Grads:
    """Walk the cell back over the whole sequence."""
    return _BACKWARD[call.cell](call, inputs, trace, upstream)
