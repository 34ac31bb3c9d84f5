"""Closed forms against autograd, and replays against the layers themselves, in float64."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lrs_lightning.analysis.recurrence import Recurrence
from lrs_lightning.errors import ArgumentError, DataError
from lrs_lightning.nn import LRSGRU, LRSLSTM, LRSRNN, FeedForward, LRSCfC, freeze_gate

INPUTS, UNITS = 5, 7


def frozen():
    layer = LRSCfC(INPUTS, UNITS, gate="frozen")
    layer.train()
    layer(torch.randn(20, 3, INPUTS))
    return layer


LAYERS = {
    "cfc": lambda: LRSCfC(INPUTS, UNITS),
    "cfc low rank sparse": lambda: LRSCfC(INPUTS, UNITS, rank=2, sparsity=0.5),
    "cfc default": lambda: LRSCfC(INPUTS, UNITS, mode="default"),
    "cfc no_gate": lambda: LRSCfC(INPUTS, UNITS, mode="no_gate"),
    "cfc pure": lambda: LRSCfC(INPUTS, UNITS, mode="pure"),
    "cfc removed": lambda: LRSCfC(INPUTS, UNITS, gate="removed"),
    "cfc frozen": frozen,
    "cfc frozen later": lambda: freeze_gate(LRSCfC(INPUTS, UNITS), [torch.randn(9, 2, INPUTS)]),
    "cfc truncated": lambda: LRSCfC(INPUTS, UNITS, eval_rank=2),
    "cfc pruned": lambda: LRSCfC(INPUTS, UNITS, eval_sparsity=0.5),
    "cfc rescaled": lambda: LRSCfC(INPUTS, UNITS, recurrent_scale=0.3),
    "cfc without bias": lambda: LRSCfC(INPUTS, UNITS, bias=False),
    "cfc in two layers": lambda: LRSCfC(INPUTS, UNITS, 2, rank=3, dropout=0.5),
    "lstm": lambda: LRSLSTM(INPUTS, UNITS, rank=3),
    "lstm projected": lambda: LRSLSTM(INPUTS, UNITS, proj_size=4),
    "lstm in three layers": lambda: LRSLSTM(INPUTS, UNITS, 3),
    "gru": lambda: LRSGRU(INPUTS, UNITS, rank=3, sparsity=0.2),
    "gru without bias": lambda: LRSGRU(INPUTS, UNITS, bias=False),
    "gru in two layers": lambda: LRSGRU(INPUTS, UNITS, 2),
    "rnn": lambda: LRSRNN(INPUTS, UNITS),
    "rnn relu": lambda: LRSRNN(INPUTS, UNITS, nonlinearity="relu"),
    "torch rnn": lambda: nn.RNN(INPUTS, UNITS),
    "torch rnn relu": lambda: nn.RNN(INPUTS, UNITS, nonlinearity="relu", bias=False),
    "torch gru": lambda: nn.GRU(INPUTS, UNITS, 2),
    "torch gru without bias": lambda: nn.GRU(INPUTS, UNITS, bias=False),
    "torch lstm": lambda: nn.LSTM(INPUTS, UNITS, 2),
    "torch lstm projected": lambda: nn.LSTM(INPUTS, UNITS, 2, proj_size=3),
}


def make(name):
    """The layer with weights and biases away from their calm start, in float64."""
    layer = LAYERS[name]().double().eval()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
    return layer


@pytest.mark.parametrize("name", list(LAYERS))
def test_a_replay_is_the_layer(name, poisoned_empty):
    layer = make(name)
    x = torch.randn(11, 3, INPUTS, dtype=torch.float64)
    replay = Recurrence.of(layer).replay(x)
    y, _ = layer(x)
    recurrence = Recurrence.of(layer)
    torch.testing.assert_close(replay.state[..., recurrence.output], y, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in LAYERS if name.startswith("cfc")])
def test_a_replay_counts_the_time_between_steps(name):
    layer = make(name)
    x = torch.randn(6, 2, INPUTS, dtype=torch.float64)
    recurrence = Recurrence.of(layer, timespan=2.5)
    y, _ = layer(x, timespans=torch.full((6, 2), 2.5, dtype=torch.float64))
    replay = recurrence.replay(x)
    torch.testing.assert_close(replay.state[..., recurrence.output], y, rtol=0, atol=1e-12)
    state = replay.state[3, 0]
    exact = torch.autograd.functional.jacobian(lambda h: recurrence.step(x[4, 0], h), state)
    torch.testing.assert_close(recurrence.jacobians(replay)[4, 0], exact, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", list(LAYERS))
def test_jacobians_are_those_of_autograd(name):
    recurrence = Recurrence.of(make(name))
    x = torch.randn(6, 2, INPUTS, dtype=torch.float64)
    replay = recurrence.replay(x)
    closed = recurrence.jacobians(replay)
    before = torch.cat(replay.before, -1)
    for t in (0, 3, 5):
        for n in range(2):
            expected = torch.autograd.functional.jacobian(
                lambda z, t=t, n=n: recurrence.step(x[t, n], z), before[t, n]
            )
            assert (closed[t, n] - expected).abs().max() < 1e-12


@pytest.mark.parametrize("name", list(LAYERS))
def test_input_jacobians_are_those_of_autograd(name):
    cell = Recurrence.of(make(name)).cells[0]
    x = torch.randn(INPUTS, dtype=torch.float64)
    state = torch.randn(cell.state_size, dtype=torch.float64)
    closed = cell.input_jacobian(state, cell.activate(cell.project(x), state))
    expected = torch.autograd.functional.jacobian(
        lambda x: cell.activate(cell.project(x), state).after, x
    )
    assert (closed - expected).abs().max() < 1e-12


@pytest.mark.parametrize("name", ["cfc", "gru", "lstm", "cfc no_gate"])
def test_the_mixed_terms_make_the_state(name):
    cell = Recurrence.of(make(name)).cells[0]
    x = torch.randn(4, INPUTS, dtype=torch.float64)
    state = torch.randn(4, cell.state_size, dtype=torch.float64)
    now = cell.activate(cell.project(x), state)
    first, second = cell.mixed(state, now)
    made = now.after[:, cell.output_size :] if cell.parts == 2 else now.after
    torch.testing.assert_close(first + second, made, rtol=0, atol=1e-14)


def test_a_replay_can_go_on_from_a_state():
    recurrence = Recurrence.of(make("lstm in three layers"))
    x = torch.randn(8, 2, INPUTS, dtype=torch.float64)
    whole = recurrence.replay(x).state
    rest = recurrence.replay(x[5:], whole[4]).state
    torch.testing.assert_close(rest, whole[5:], rtol=0, atol=1e-14)


def test_what_cannot_be_analysed_is_told_in_a_sentence():
    with pytest.raises(ArgumentError, match="FeedForward has no recurrent state"):
        Recurrence.of(FeedForward(INPUTS, UNITS))
    with pytest.raises(ArgumentError, match="bidirectional"):
        Recurrence.of(nn.LSTM(INPUTS, UNITS, bidirectional=True))
    with pytest.raises(ArgumentError, match=r"expected \(T, N, 5\)"):
        Recurrence.of(nn.LSTM(INPUTS, UNITS)).replay(torch.zeros(3, 2, 4))
    with pytest.raises(DataError, match="features are not finite"):
        Recurrence.of(nn.LSTM(INPUTS, UNITS)).replay(torch.full((3, 2, 5), torch.nan))


def test_nan_weights_are_counted_and_named():
    layer = LRSCfC(INPUTS, UNITS)
    with torch.no_grad():
        layer.weight_ih_l0[0, :2] = torch.nan
    with pytest.raises(DataError, match=r"2 of 105 numbers of input_weight in recurrent layer 0"):
        Recurrence.of(layer)
