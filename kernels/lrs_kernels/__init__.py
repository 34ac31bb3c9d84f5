"""Recurrence over time with a low-rank sparse recurrent matrix, on CPU and GPU."""

from lrs_kernels.cell import Cell, Extra, Variant
from lrs_kernels.dispatch import explain
from lrs_kernels.functional import cfc_scan, gru_scan, lstm_scan, rnn_scan
from lrs_kernels.graph_step import GraphedStep
from lrs_kernels.recurrent import Recurrent, stack_factors
from lrs_kernels.registry import cells, find_cell, register_cell
from lrs_kernels.scan import recurrent_layer, recurrent_scan
from lrs_kernels.step import CfCStep, GRUStep, LSTMStep, RNNStep

__all__ = [
    "Cell",
    "CfCStep",
    "Extra",
    "GRUStep",
    "GraphedStep",
    "LSTMStep",
    "RNNStep",
    "Recurrent",
    "Variant",
    "cells",
    "cfc_scan",
    "explain",
    "find_cell",
    "gru_scan",
    "lstm_scan",
    "recurrent_layer",
    "recurrent_scan",
    "register_cell",
    "rnn_scan",
    "stack_factors",
]
