"""Faults of ncps 1.0.1 that must not exist here; one test each, named after the fault.

Where it is cheap, a test also shows that ncps has the fault, so that its mending is noticed.
"""

from __future__ import annotations

import warnings

import ncps.torch
import pytest
import torch
from ncps.wirings import Random

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import LRSCfC, from_ncps

BARE = {"backbone_layers": 0, "backbone_units": 0}


def rows_one_by_one(layer, x, timespans):
    return torch.cat(
        [layer(x[b : b + 1], timespans=timespans[b : b + 1])[0] for b in range(x.shape[0])]
    )


def test_timespans_of_a_batch_do_not_broadcast():
    theirs = ncps.torch.CfC(4, 50, **BARE)
    x, timespans = torch.randn(3, 6, 4), torch.rand(3, 6)
    with pytest.raises(RuntimeError):
        theirs(x, timespans=timespans)
    ours = from_ncps(theirs)
    torch.testing.assert_close(ours(x, timespans=timespans)[0], rows_one_by_one(ours, x, timespans))


def test_timespans_of_a_batch_as_large_as_the_layer_are_silently_wrong():
    theirs = ncps.torch.CfC(4, 3, **BARE).double()
    x, timespans = torch.randn(3, 6, 4).double(), 5 * torch.rand(3, 6).double()
    ours = from_ncps(theirs)
    right = rows_one_by_one(theirs, x, timespans)
    assert not torch.allclose(theirs(x, timespans=timespans)[0], right)
    torch.testing.assert_close(ours(x, timespans=timespans)[0], right, rtol=0, atol=1e-12)


@pytest.mark.parametrize("mode", ["paper", "default", "no_gate", "pure"])
def test_bfloat16_modules_fail(mode):
    with pytest.raises(RuntimeError):
        ncps.torch.CfC(4, 8, **BARE).bfloat16()(torch.randn(2, 5, 4, dtype=torch.bfloat16))
    layer = LRSCfC(4, 8, rank=2 if mode != "pure" else None, mode=mode)
    x = torch.randn(5, 2, 4)
    exact = layer(x)[0]
    y, h = layer.bfloat16()(x.bfloat16())
    assert y.dtype == h.dtype == torch.bfloat16
    y.float().square().sum().backward()
    assert all(p.grad.isfinite().all() for p in layer.parameters())
    torch.testing.assert_close(y.float(), exact, rtol=0, atol=0.05)


def test_tracing_keeps_the_length_it_saw():
    x = torch.randn(9, 2, 4)
    theirs = ncps.torch.CfC(4, 8, batch_first=False, **BARE).eval()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        assert torch.jit.trace(theirs, (x[:5],), check_trace=False)(x)[0].shape[0] == 5
        with pytest.raises(ArgumentError, match="would fix the length of its sequences"):
            torch.jit.trace(LRSCfC(4, 8, rank=2, sparsity=0.5).eval(), (x[:5],), check_trace=False)


def test_export_unrolls_a_fixed_length():
    layer = LRSCfC(4, 8, rank=2, sparsity=0.5).eval()
    steps = torch.export.Dim("steps", min=2, max=64)
    program = torch.export.export(
        layer, (torch.randn(5, 2, 4),), dynamic_shapes={"input": {0: steps}}
    )
    nodes = len(program.graph.nodes)
    assert nodes < 60  # one scan, whatever the length
    x = torch.randn(9, 2, 4)
    torch.testing.assert_close(program.module()(x)[0], layer(x)[0])


def test_wired_recurrence_is_dense():
    # Under a wiring, ncps masks the input and leaves every recurrent connection: a unit that the
    # wiring does not connect to another still moves it one step later.
    theirs = ncps.torch.CfC(4, Random(8, sparsity_level=0.9)).double()
    dense = from_ncps(theirs).recurrent_weight()
    assert (dense != 0).all()
    layer = LRSCfC(4, 8, sparsity=0.9, mask_seed=1).double()
    connected = layer.mask().bool().any(0)  # (to, from)
    assert 0 < connected.sum() < 64
    x = torch.randn(1, 1, 4, dtype=torch.float64)

    def next_state(h):
        return layer(x, h.view(1, 1, 8))[0].view(8)

    h = torch.randn(8, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(next_state, h)
    assert torch.equal(jacobian != 0, connected)


def test_pure_mode_overwrites_its_initial_time_constants():
    cell = ncps.torch.CfC(4, 8, mode="pure", **BARE).rnn_cell
    assert not torch.equal(cell.A, torch.ones_like(cell.A))
    layer = LRSCfC(4, 8, mode="pure")
    assert torch.equal(layer.amplitude_l0, torch.ones(8))
    assert torch.equal(layer.w_tau_l0, torch.zeros(8))


def test_a_state_like_that_of_torch_is_refused():
    layer = LRSCfC(4, 8, batch_first=True)
    y, h = layer(torch.randn(2, 5, 4), torch.zeros(1, 2, 8))
    assert h.shape == (1, 2, 8)
    torch.testing.assert_close(h[0], y[:, -1])


def test_an_empty_sequence_fails_obscurely():
    with pytest.raises(ArgumentError, match="it needs at least one step"):
        LRSCfC(4, 8)(torch.zeros(0, 2, 4))


def test_the_mask_is_a_parameter():
    names = dict(ncps.torch.CfC(4, Random(8, sparsity_level=0.5)).named_parameters())
    assert any("mask" in name for name in names)
    layer = LRSCfC(4, 8, sparsity=0.5)
    assert not any("mask" in name for name, _ in layer.named_parameters())
