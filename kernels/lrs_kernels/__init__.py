"""Recurrence over time with a low-rank sparse recurrent matrix, on CPU and GPU."""

from lrs_kernels.dispatch import explain
from lrs_kernels.functional import cfc_scan, gru_scan, lstm_scan, rnn_scan
from lrs_kernels.graph_step import GraphedStep
from lrs_kernels.recurrent import Recurrent, stack_factors
from lrs_kernels.step import CfCStep, GRUStep, LSTMStep, RNNStep

__all__ = [
    "CfCStep",
    "GRUStep",
    "GraphedStep",
    "LSTMStep",
    "RNNStep",
    "Recurrent",
    "cfc_scan",
    "explain",
    "gru_scan",
    "lstm_scan",
    "rnn_scan",
    "stack_factors",
]
