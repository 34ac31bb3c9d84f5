"""The spectrum against systems that are known, against log|det J|, and through low rank."""

from __future__ import annotations

import math

import pytest
import torch

from lrs_lightning.analysis.lyapunov import LyapunovSpectrum
from lrs_lightning.analysis.recurrence import Recurrence
from lrs_lightning.nn import LRSGRU, LRSLSTM, LRSRNN, LRSCfC


def spectrum(jacobians, every=1, exponents=None, counted=None, pieces=1):
    found = LyapunovSpectrum(jacobians.shape[1], jacobians.shape[-1], exponents, every)
    flags = [None] * pieces if counted is None else counted.tensor_split(pieces)
    for piece, flag in zip(jacobians.tensor_split(pieces), flags, strict=True):
        found.update(piece, flag)
    return found.exponents()


def jacobians(layer, steps=300, trajectories=3):
    recurrence = Recurrence.of(layer)
    replay = recurrence.replay(torch.randn(steps, trajectories, layer.input_size))
    return recurrence.jacobians(replay)


@pytest.mark.parametrize("layer_class", [LRSCfC, LRSLSTM, LRSGRU, LRSRNN])
def test_the_sum_is_the_mean_log_determinant(layer_class):
    j = jacobians(layer_class(4, 10))
    expected = torch.linalg.slogdet(j)[1].mean(0)
    torch.testing.assert_close(spectrum(j).sum(-1), expected, rtol=1e-10, atol=1e-10)


def test_constant_jacobians_give_the_moduli_of_their_eigenvalues():
    matrix = torch.randn(6, 6, dtype=torch.float64)
    expected = torch.linalg.eigvals(matrix).abs().log().sort(descending=True).values
    found = spectrum(matrix.expand(3000, 1, 6, 6))[0]
    torch.testing.assert_close(found, expected, rtol=0, atol=5e-3)


def test_the_henon_map():
    # The classical exponents of a = 1.4, b = 0.3 are 0.419 and -1.623.
    x, y, steps = 0.1, 0.1, []
    for t in range(6_000):
        if t >= 1000:
            steps.append([[-2.8 * x, 1.0], [0.3, 0.0]])
        x, y = 1 - 1.4 * x * x + y, 0.3 * x
    found = spectrum(torch.tensor(steps, dtype=torch.float64).unsqueeze(1))[0]
    assert found[0] == pytest.approx(0.419, abs=0.01)
    assert found.sum() == pytest.approx(math.log(0.3), abs=1e-9)


def test_pieces_and_fewer_qr_change_nothing():
    j = jacobians(LRSCfC(4, 10))
    whole = spectrum(j)
    torch.testing.assert_close(spectrum(j, pieces=7), whole, rtol=0, atol=1e-12)
    torch.testing.assert_close(spectrum(j, every=3)[:, :6], whole[:, :6], rtol=0, atol=0.02)
    torch.testing.assert_close(spectrum(j, exponents=4)[:, :2], whole[:, :2], rtol=0, atol=0.05)


def test_low_rank_sends_directions_to_minus_infinity():
    # G, H and F have rank 2 each: no more than 6 of 10 directions survive a step.
    found = spectrum(jacobians(LRSCfC(4, 10, rank=2)))
    assert found.isfinite().sum(-1).tolist() == [6, 6, 6]
    assert (found[:, 6:] == -torch.inf).all()


def test_only_counted_steps_enter():
    j = jacobians(LRSGRU(4, 6), steps=100)
    counted = torch.ones(100, 3, dtype=torch.bool)
    counted[:20] = False
    counted[70:, 1] = False
    found = spectrum(j, counted=counted, pieces=3)
    expected = torch.linalg.slogdet(j)[1]
    assert found[0].sum() == pytest.approx(float(expected[20:, 0].mean()), abs=1e-9)
    assert found[1].sum() == pytest.approx(float(expected[20:70, 1].mean()), abs=1e-9)
    assert spectrum(j, counted=torch.zeros_like(counted)).isnan().all()
