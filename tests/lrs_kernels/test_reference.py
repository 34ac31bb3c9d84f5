"""The reference loops against the implementations of others: torch.nn and ncps, weights copied."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lrs_kernels import cfc_scan, gru_scan, lstm_scan, rnn_scan
from tests.lrs_kernels.cases import needs_native

STEPS, BATCH, INPUT, HIDDEN = 6, 3, 5, 4
BACKENDS = ["reference", "cpu", pytest.param("native", marks=needs_native)]


def projected(module, x, biases):
    """x_proj of one of torch's modules with the chosen biases added."""
    return x @ module.weight_ih_l0.mT + sum(biases)


def of_lstm(module, x, state, backend):
    weight = module.weight_hh_l0.view(4, HIDDEN, HIDDEN)
    x_proj = projected(module, x, (module.bias_ih_l0, module.bias_hh_l0))
    y, (h_n, c_n) = lstm_scan(x_proj, weight, (state[0][0], state[1][0]), backend=backend)
    return y, h_n, c_n


def of_gru(module, x, state, backend):
    weight = module.weight_hh_l0.view(3, HIDDEN, HIDDEN)
    outer, inner = module.bias_hh_l0.split([2 * HIDDEN, HIDDEN])
    x_proj = projected(module, x, (module.bias_ih_l0, nn.functional.pad(outer, (0, HIDDEN))))
    return gru_scan(x_proj, weight, state[0][0], bias_n=inner, backend=backend)


def of_rnn(module, x, state, backend):
    weight = module.weight_hh_l0.view(1, HIDDEN, HIDDEN)
    x_proj = projected(module, x, (module.bias_ih_l0, module.bias_hh_l0))
    kind = module.nonlinearity
    return rnn_scan(x_proj, weight, state[0][0], backend=backend, nonlinearity=kind)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("make", "ours"),
    [
        (lambda: nn.LSTM(INPUT, HIDDEN), of_lstm),
        (lambda: nn.GRU(INPUT, HIDDEN), of_gru),
        (lambda: nn.RNN(INPUT, HIDDEN), of_rnn),
        (lambda: nn.RNN(INPUT, HIDDEN, nonlinearity="relu"), of_rnn),
    ],
    ids=["lstm", "gru", "rnn", "rnn-relu"],
)
def test_equals_torch(make, ours, backend):
    module = make().double()
    x = torch.randn(STEPS, BATCH, INPUT, dtype=torch.float64, requires_grad=True)
    state = torch.randn(2, 1, BATCH, HIDDEN, dtype=torch.float64)
    theirs, final = module(x, (state[0], state[1]) if isinstance(module, nn.LSTM) else state[0])
    finals = [part[0] for part in (final if isinstance(final, tuple) else (final,))]
    got = ours(module, x, state, backend)
    wanted = [x, *module.parameters()]
    loss = torch.randn_like(theirs)
    grads = torch.autograd.grad((theirs * loss).sum(), wanted)
    got_grads = torch.autograd.grad((got[0] * loss).sum(), wanted)
    for one, other in zip((*got, *got_grads), (theirs, *finals, *grads), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize("spans", [False, True])
@pytest.mark.parametrize("mode", ["default", "no_gate", "pure"])
def test_equals_ncps(mode, spans):
    ncps = pytest.importorskip("ncps.torch")
    module = ncps.CfC(INPUT, HIDDEN, mode=mode, backbone_layers=0).double()
    cell = module.rnn_cell
    x = torch.randn(BATCH, STEPS, INPUT, dtype=torch.float64)
    dt = torch.rand(BATCH, STEPS, dtype=torch.float64) * 2 if spans else None
    # Step by step, since ncps' own loop hands its cell time spans that do not broadcast.
    final, states = torch.zeros(BATCH, HIDDEN, dtype=torch.float64), []
    for t in range(STEPS):
        final, _ = cell(x[:, t], final, 1.0 if dt is None else dt[:, t, None])
        states.append(final)
    theirs = torch.stack(states, dim=1)
    names = ("ff1",) if mode == "pure" else ("ff1", "ff2", "time_a", "time_b")
    layers = [getattr(cell, name) for name in names]
    # ncps puts inputs first and states behind them in one matrix.
    into = torch.cat([layer.weight[:, :INPUT] for layer in layers])
    weight = torch.stack([layer.weight[:, INPUT:] for layer in layers])
    x_proj = x.transpose(0, 1) @ into.mT + torch.cat([layer.bias for layer in layers])
    pure = {"w_tau": cell.w_tau[0], "amplitude": cell.A[0]} if mode == "pure" else {}
    y, h_n = cfc_scan(x_proj, weight, mode=mode, timespans=None if dt is None else dt.mT, **pure)
    torch.testing.assert_close(y.transpose(0, 1), theirs, rtol=0, atol=1e-12)
    torch.testing.assert_close(h_n, final, rtol=0, atol=1e-12)
