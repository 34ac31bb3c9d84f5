"""The kernels as plain functions of tensors, without autograd: what the operators call.

Everything carries the population axis P first. Weights are a `Recurrent` with the axis P; members
may share a part through an expanded (stride 0) view. `resets` is boolean, True where the state is
zeroed before that step. Outputs take the dtype of `x_proj`; sums are kept in float32 (float64 for
float64 inputs) whatever `precision` (`ieee`, `tf32`, `tf32x3`, `bf16`) the products have.

`overwrite=True` lets a pass write over its own input: gates over `x_proj`, gradients over gates.
It halves the memory of a training step, and is for callers who know that nobody else will look.
"""

from __future__ import annotations

from lrs_kernels.triton.run_cfc import CfCStates, cfc_backward, cfc_forward
from lrs_kernels.triton.run_gru import GRUStates, gru_backward, gru_forward
from lrs_kernels.triton.run_lstm import LSTMStates, lstm_backward, lstm_forward
from lrs_kernels.triton.run_rnn import rnn_backward, rnn_forward

__all__ = [
    "CfCStates",
    "GRUStates",
    "LSTMStates",
    "cfc_backward",
    "cfc_forward",
    "gru_backward",
    "gru_forward",
    "lstm_backward",
    "lstm_forward",
    "rnn_backward",
    "rnn_forward",
]
