"""What is measured in pieces and threads equals what is measured at once."""

from __future__ import annotations

from importlib import import_module

import pytest
import torch
from torch import nn

from lrs_lightning.analysis.dynamics import DynamicsOptions, dynamics
from lrs_lightning.analysis.recurrence import Recurrence
from lrs_lightning.analysis.spectra import spectral_radius
from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import LRSLSTM, LRSCfC

# The function of the same name hides the module among the package's attributes.
MODULE = import_module("lrs_lightning.analysis.dynamics")
OPTIONS = DynamicsOptions(burn_in=10, every=7, lags=12, windows=15, threads=1)


@pytest.fixture
def run():
    recurrence = Recurrence.of(LRSCfC(3, 8, 2))
    replay = recurrence.replay(torch.randn(100, 5, 3))
    valid = torch.arange(100).unsqueeze(1) < torch.tensor([100, 100, 60, 30, 8])
    return recurrence, replay, valid


def test_radii_are_those_of_the_sampled_jacobians(run):
    recurrence, replay, valid = run
    found = dynamics(recurrence, replay, valid, options=OPTIONS)
    all_radii = spectral_radius(recurrence.jacobians(replay))
    expected = torch.cat([all_radii[t][valid[t]] for t in range(10, 100, 7)])
    torch.testing.assert_close(found.radius, expected, rtol=1e-12, atol=0)
    assert found.norm.shape == found.radius.shape and (found.norm >= found.radius - 1e-12).all()


def test_the_exponents_count_the_steps_of_an_episode_alone(run):
    recurrence, replay, valid = run
    found = dynamics(recurrence, replay, valid, options=OPTIONS).exponents
    logs = torch.linalg.slogdet(recurrence.jacobians(replay))[1]
    for episode, length in enumerate((100, 100, 60, 30)):
        expected = float(logs[10:length, episode].mean())
        assert float(found[episode].sum()) == pytest.approx(expected, rel=1e-9)
    assert found[4].isnan().all()


def test_windows_lie_within_their_episode(run):
    recurrence, replay, valid = run
    found = dynamics(recurrence, replay, valid, torch.randn(2, 8), OPTIONS)
    # Starts at 10, 49 and 88: five episodes have none to three of them in full.
    assert found.memory["state"].shape == (3 + 3 + 1 + 1, 13)
    assert found.memory["action"].shape == (8, 13)


def test_threads_and_stretches_change_nothing(run, monkeypatch):
    recurrence, replay, valid = run
    head = torch.randn(2, 8)
    whole = dynamics(recurrence, replay, valid, head, OPTIONS)
    monkeypatch.setattr(MODULE, "_NUMBERS", 16 * 16 * 7)
    options = DynamicsOptions(burn_in=10, every=7, lags=12, windows=15, threads=3)
    pieces = dynamics(recurrence, replay, valid, head, options)

    def ordered(values):
        return values.sort().values

    torch.testing.assert_close(ordered(pieces.radius), ordered(whole.radius), rtol=1e-9, atol=0)
    torch.testing.assert_close(pieces.exponents[:4, 0], whole.exponents[:4, 0], rtol=0, atol=0.02)
    for name in ("state", "action"):
        last = [ordered(found.memory[name][:, -1]) for found in (pieces, whole)]
        torch.testing.assert_close(last[0], last[1], rtol=1e-9, atol=0)


def test_short_episodes_give_no_number_instead_of_a_wrong_one():
    recurrence = Recurrence.of(nn.GRU(3, 4))
    found = dynamics(recurrence, recurrence.replay(torch.randn(20, 2, 3)))
    assert len(found.radius) == 0 and found.memory["state"].shape == (0, 41)
    assert found.exponents.isnan().all()


def test_saturated_forget_gates_pin_the_spectrum_at_one():
    layer = LRSLSTM(3, 6)
    with torch.no_grad():
        layer.bias_ih_l0[6:12] = 30
    recurrence = Recurrence.of(layer)
    found = dynamics(recurrence, recurrence.replay(torch.randn(200, 2, 3)), options=OPTIONS)
    assert (found.radius - 1).abs().max() < 0.2
    assert found.exponents[:, 0].abs().max() < 0.02


def test_without_exponents():
    recurrence = Recurrence.of(nn.RNN(3, 4))
    options = DynamicsOptions(exponents=0, burn_in=5, threads=2)
    found = dynamics(recurrence, recurrence.replay(torch.randn(100, 2, 3)), options=options)
    assert found.exponents.shape == (2, 0) and len(found.radius) == 20


def test_options_that_make_no_sense():
    with pytest.raises(ArgumentError, match="every is 0"):
        DynamicsOptions(every=0)
    with pytest.raises(ArgumentError, match="burn_in is -1"):
        DynamicsOptions(burn_in=-1)
