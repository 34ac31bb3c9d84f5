"""Import of ncps modules: equal outputs and gradients, or a refusal that says why."""

from __future__ import annotations

import ncps.torch
import pytest
import torch
from ncps.wirings import NCP, FullyConnected, Random

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import LRSCfC, from_ncps

BARE = {"backbone_layers": 0, "backbone_units": 0}
MODES = ["default", "no_gate", "pure"]


def assert_same(theirs, ours, x, timespans=None, hx=None):
    """Outputs and the gradients of the input; ncps takes one timespan per step of a single row."""
    results = []
    for module, state in ((theirs, hx), (ours, None if hx is None else hx.unsqueeze(0))):
        leaf = x.clone().requires_grad_()
        y, last = module(leaf, state, timespans=timespans)
        (grad,) = torch.autograd.grad(y.square().sum(), leaf)
        results.append(
            (y, last.reshape(y.shape[0] if module.batch_first else y.shape[1], -1), grad)
        )
    torch.testing.assert_close(results[1], results[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("mode", MODES)
def test_without_backbone_it_is_exact(mode, batch_first):
    theirs = ncps.torch.CfC(5, 8, mode=mode, batch_first=batch_first, **BARE).double()
    ours = from_ncps(theirs)
    assert isinstance(ours, LRSCfC) and ours.mode == mode and ours.batch_first == batch_first
    x = torch.randn(3, 3, 5, dtype=torch.float64)
    assert_same(theirs, ours, x, hx=torch.randn(3, 8, dtype=torch.float64))


@pytest.mark.parametrize("mode", MODES)
def test_irregular_timespans_are_exact(mode):
    theirs = ncps.torch.CfC(5, 8, mode=mode, **BARE).double()
    ours = from_ncps(theirs)
    x = torch.randn(1, 6, 5, dtype=torch.float64)
    assert_same(theirs, ours, x, timespans=3 * torch.rand(1, 6, dtype=torch.float64))


@pytest.mark.parametrize("mode", MODES)
def test_weight_gradients_are_those_of_ncps(mode):
    theirs = ncps.torch.CfC(5, 8, mode=mode, **BARE).double()
    ours = from_ncps(theirs)
    x = torch.randn(3, 6, 5, dtype=torch.float64)
    for module in (theirs, ours):
        module(x)[0].square().sum().backward()
    cell = theirs.rnn_cell
    names = ["ff1"] if mode == "pure" else ["ff1", "ff2", "time_a", "time_b"]
    joint = torch.cat([getattr(cell, name).weight.grad for name in names])
    split = torch.cat([ours.weight_ih_l0.grad, ours.weight_hh_l0.grad], dim=1)
    torch.testing.assert_close(split, joint, rtol=0, atol=1e-12)
    biases = torch.cat([getattr(cell, name).bias.grad for name in names])
    torch.testing.assert_close(ours.bias_ih_l0.grad, biases, rtol=0, atol=1e-12)
    if mode == "pure":
        torch.testing.assert_close(ours.w_tau_l0.grad, cell.w_tau.grad[0], rtol=0, atol=1e-12)
        torch.testing.assert_close(ours.amplitude_l0.grad, cell.A.grad[0], rtol=0, atol=1e-12)


def test_the_papers_cell_is_that_of_ncps_without_its_second_time_network():
    theirs = ncps.torch.CfC(5, 8, **BARE).double()
    with torch.no_grad():
        theirs.rnn_cell.time_b.weight.zero_()
        theirs.rnn_cell.time_b.bias.zero_()
    four = from_ncps(theirs)
    three = LRSCfC(5, 8, batch_first=True, mode="paper", dtype=torch.float64)
    three.load_state_dict({name: value[:24] for name, value in four.state_dict().items()})
    x = torch.randn(1, 4, 5, dtype=torch.float64)
    assert_same(theirs, three, x, timespans=2 * torch.rand(1, 4, dtype=torch.float64))


@pytest.mark.parametrize("wiring", [FullyConnected(8), Random(8, sparsity_level=0.6)], ids=type)
def test_a_wiring_of_one_layer_is_exact(wiring):
    theirs = ncps.torch.CfC(5, wiring).double()
    ours = from_ncps(theirs)
    assert_same(theirs, ours, torch.randn(3, 4, 5, dtype=torch.float64))


def test_a_projection_can_be_left_behind():
    theirs = ncps.torch.CfC(5, 8, proj_size=2, **BARE)
    with pytest.raises(ArgumentError, match="apply module.fc to the layer's output"):
        from_ncps(theirs)
    ours = from_ncps(theirs, projection=False)
    x = torch.randn(3, 4, 5)
    torch.testing.assert_close(theirs.fc(ours(x)[0]), theirs(x)[0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ncps.torch.CfC(5, 8), r"backbone of 1 layer\(s\).*no recurrent matrix to import"),
        (lambda: ncps.torch.CfC(5, 8, mixed_memory=True, **BARE), "mixed memory"),
        (
            lambda: ncps.torch.CfC(5, NCP(4, 4, 2, 2, 2, 2, 2)),
            r"3 layers, of \[4, 4, 2\] units, which pass on to each other within one step",
        ),
        (
            lambda: ncps.torch.CfC(5, 8, return_sequences=False, **BARE),
            "its? last output only .return_sequences=False.",
        ),
        (lambda: torch.nn.LSTM(5, 8), "LSTM is no ncps.torch.CfC"),
        (lambda: ncps.torch.LTC(5, 8), "only CfC cells"),
    ],
)
def test_what_cannot_be_exact_is_refused(make, message):
    with pytest.raises(ArgumentError, match=message) as caught:
        from_ncps(make())
    assert "\n" not in str(caught.value)
