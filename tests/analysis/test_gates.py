"""What a shift does to gates, where it is known what it must do."""

from __future__ import annotations

import pytest
import torch

from lrs_lightning.analysis.gates import gate_shift
from lrs_lightning.analysis.recurrence import Recurrence
from lrs_lightning.analysis.response import response
from lrs_lightning.nn import LRSGRU, LRSLSTM, LRSRNN, LRSCfC

LAYERS = [LRSCfC(4, 6), LRSCfC(4, 6, mode="no_gate"), LRSLSTM(4, 6), LRSGRU(4, 6), LRSRNN(4, 6)]


def shifted(layer, change=0.5):
    recurrence = Recurrence.of(layer)
    clean = torch.randn(60, 2, 4, dtype=torch.float64)
    replay = recurrence.replay(clean)
    noise = change * torch.randn_like(clean)
    found = gate_shift(
        recurrence.cells[0],
        replay.before[0].flatten(0, 1),
        clean.flatten(0, 1),
        (clean + noise).flatten(0, 1),
        noise.flatten(0, 1).square().mean(-1).sqrt(),
    )
    return recurrence, replay, found


@pytest.mark.parametrize("layer", LAYERS)
def test_without_a_shift_nothing_moves(layer):
    _, _, found = shifted(layer, change=0.0)
    assert found.moved.max() == 0 and found.output_moved.max() == 0
    assert all(values.max() == 0 for values in found.held.values())


@pytest.mark.parametrize("layer", LAYERS)
def test_a_gate_whose_input_weights_are_zero_moves_nothing(layer):
    layer = type(layer)(4, 6, **({"mode": layer.mode} if isinstance(layer, LRSCfC) else {}))
    with torch.no_grad():
        layer.weight_ih_l0[6:] = 0  # all gates but the first
        layer.bias_ih_l0.normal_()  # away from a state of zero
    _, _, found = shifted(layer)
    assert (found.moved[:, 0] > 0).all()
    first, *others = found.names
    if len(others):
        # A GRU's candidate hears its reset gate, through h.
        hearing = {"n"} if found.names[0] == "r" else set()
        for g, name in enumerate(others, start=1):
            assert (found.moved[:, g].max() == 0) == (name not in hearing)
    assert found.held_ratio(first) == 0


def test_the_first_gate_alone_moves_an_rnn():
    _, _, found = shifted(LRSRNN(4, 6))
    assert found.share is None and found.held_ratio("h") == 0
    assert found.correlation("h") > 0.5


def test_the_share_of_a_closed_gate_is_nothing():
    layer = LRSCfC(4, 6)
    with torch.no_grad():
        layer.bias_ih_l0[12:] = -50  # F = 0: the state is G alone
    _, _, found = shifted(layer)
    assert found.share == pytest.approx((0, 0), abs=1e-9)
    assert found.held_ratio("H") == pytest.approx(1) and found.held_ratio("G") < 1e-9


@pytest.mark.parametrize("layer", [LRSCfC(4, 6, 2), LRSLSTM(4, 6), LRSGRU(4, 6), LRSRNN(4, 6)])
def test_a_response_is_the_difference_of_two_runs(layer):
    recurrence = Recurrence.of(layer)
    clean = torch.randn(40, 2, 4, dtype=torch.float64)
    replay = recurrence.replay(clean)
    disturbed = clean[[5, 20]] + 0.3
    found = response(recurrence, replay, disturbed, [5, 20], 10)
    other = clean.clone()
    other[20] = disturbed[1]
    again = recurrence.replay(other)
    change = (again.state - replay.state)[20:31].square().mean(-1).sqrt()  # (11, N)
    torch.testing.assert_close(found.state[2:], change.mT, rtol=1e-9, atol=1e-15)
    gates = [recurrence.activations(run)[0].gates[20:31] for run in (again, replay)]
    moved = (gates[0] - gates[1]).abs().mean(-1)[..., 0]
    name = recurrence.cells[0].names[0]
    torch.testing.assert_close(found.gates[name][2:], moved.mT, rtol=1e-9, atol=1e-15)
    assert found.output.shape == (4, 11)
