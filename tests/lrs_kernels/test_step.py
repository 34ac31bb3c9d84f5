"""Steps of one against the scans over the whole sequence."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch

from lrs_kernels import (
    CfCStep,
    GRUStep,
    LSTMStep,
    RNNStep,
    cfc_scan,
    gru_scan,
    lstm_scan,
    rnn_scan,
)

STEPS, INPUT, HIDDEN, RANK = 20, 5, 12, 3
CASES = [
    pytest.param(CfCStep, cfc_scan, 3, {}, id="cfc"),
    pytest.param(LSTMStep, lstm_scan, 4, {}, id="lstm"),
    pytest.param(GRUStep, gru_scan, 3, {"bias_n": torch.linspace(-1, 1, HIDDEN)}, id="gru"),
    pytest.param(RNNStep, rnn_scan, 1, {}, id="rnn"),
    pytest.param(RNNStep, rnn_scan, 1, {"nonlinearity": "relu"}, id="rnn-relu"),
]


def parameters(gates, low_rank):
    into, bias = torch.randn(gates * HIDDEN, INPUT), torch.randn(gates * HIDDEN)
    if not low_rank:
        return into, bias, torch.randn(gates, HIDDEN, HIDDEN) / HIDDEN**0.5, None
    factors = torch.randn(gates, HIDDEN, RANK) / 3, torch.randn(gates, RANK, HIDDEN) / 2
    return into, bias, factors, (torch.rand(gates, HIDDEN, HIDDEN) < 0.5).float()


@pytest.mark.parametrize("low_rank", [False, True])
@pytest.mark.parametrize(("step_class", "scan", "gates", "options"), CASES)
def test_steps_equal_the_scan(step_class, scan, gates, options, low_rank):
    into, bias, weight, mask = parameters(gates, low_rank)
    x = torch.randn(STEPS, INPUT)
    want, _ = scan((x @ into.mT + bias)[:, None], weight, mask=mask, **options)
    step = step_class(into, bias, weight, mask, **options)
    for start in range(2):  # the second episode must not remember the first
        step.reset()
        got = np.stack([step(row).copy() for row in x.numpy()])
        np.testing.assert_allclose(got, want[:, 0].numpy(), rtol=0, atol=2e-6, err_msg=str(start))


def test_time_spans():
    into, bias, weight, mask = parameters(3, True)
    x, spans = torch.randn(STEPS, INPUT), torch.rand(STEPS) * 2
    want, _ = cfc_scan((x @ into.mT + bias)[:, None], weight, mask=mask, timespans=spans[:, None])
    step = CfCStep(into, bias, weight, mask)
    got = [step(row, dt).copy() for row, dt in zip(x.numpy(), spans.tolist(), strict=True)]
    np.testing.assert_allclose(np.stack(got), want[:, 0].numpy(), rtol=0, atol=2e-6)


@pytest.mark.parametrize(("step_class", "_scan", "gates", "options"), CASES)
def test_a_step_allocates_nothing_that_grows(step_class, _scan, gates, options):
    step = step_class(*parameters(gates, False), **options)
    x = np.ones(INPUT, np.float32)
    step(x)
    peaks = []
    for _ in range(5):
        tracemalloc.start()
        for _ in range(50):
            step(x)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # The least, since other threads of the process may allocate meanwhile; steps do so every time.
    # One vector of gates would be more than this; views of a row or a float are less.
    assert min(peaks) < 4 * gates * HIDDEN * 4 + 512


def test_a_wrong_shape_is_named():
    with pytest.raises(ValueError, match=r"weight has shape \(4, 12, 12\), expected \(3, 12, 12\)"):
        CfCStep(torch.zeros(48, 5), torch.zeros(48), torch.zeros(4, 12, 12))
    with pytest.raises(ValueError, match=r"bias has shape \(35,\), expected \(36,\)"):
        CfCStep(torch.zeros(36, 5), torch.zeros(35), torch.zeros(3, 12, 12))
