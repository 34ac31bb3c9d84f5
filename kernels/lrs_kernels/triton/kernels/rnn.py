"""The Elman network, as `torch.nn.RNN`: h_t = tanh(z), or relu in place of tanh.

The derivative of either is a function of h_t, so nothing but the states is saved.
"""

from __future__ import annotations

import triton
import triton.language as tl

from lrs_kernels.triton.kernels.activations import tanh
from lrs_kernels.triton.kernels.cell import Cell


@triton.jit
def tanh_step(z, x, state, cell, K: tl.constexpr):
    """One step with tanh."""
    return (), tanh(z[0], K.FAST), cell


@triton.jit
def tanh_grad(d, d_cell, saved, now, before, K: tl.constexpr):
    """Gradients of one step with tanh; `now` is h_t."""
    dz = (d * (1.0 - now * now),)
    return dz, dz, tl.zeros_like(d), d_cell


@triton.jit
def relu_step(z, x, state, cell, K: tl.constexpr):
    """One step with relu."""
    return (), tl.maximum(z[0], 0.0), cell


@triton.jit
def relu_grad(d, d_cell, saved, now, before, K: tl.constexpr):
    """Gradients of one step with relu; `now` is h_t."""
    dz = (tl.where(now > 0.0, d, 0.0),)
    return dz, dz, tl.zeros_like(d), d_cell


RNN = Cell("rnn", gates=1, saved=0, step=tanh_step, grad=tanh_grad, history="y")
RNN_RELU = Cell("rnn", gates=1, saved=0, step=relu_step, grad=relu_grad, history="y")
