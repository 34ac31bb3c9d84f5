"""Radius, norm and ranks of matrices whose answers are known, and of layers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lrs_lightning.analysis.spectra import (
    effective_rank,
    spectral_norm,
    spectral_radius,
    stable_rank,
)
from lrs_lightning.analysis.weights import compare_matrices, gate_names, recurrent_matrices
from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import LRSGRU, LRSLSTM, LRSRNN, FeedForward, LRSCfC


def test_a_rotation_has_radius_and_norm_one():
    rotation = torch.tensor([[0.0, -1.0], [1.0, 0.0]]).double()
    assert spectral_radius(rotation) == pytest.approx(1)
    assert spectral_norm(rotation) == pytest.approx(1)


@pytest.mark.parametrize("shape", [(1, 1), (6, 64), (64, 6), (3, 2, 9, 9)])
def test_the_norm_is_the_largest_singular_value(shape):
    matrix = torch.randn(shape, dtype=torch.float64)
    torch.testing.assert_close(
        spectral_norm(matrix), torch.linalg.matrix_norm(matrix, 2), rtol=1e-12, atol=0
    )


def test_the_norm_keeps_tiny_and_huge_products():
    matrix = torch.randn(5, 5, dtype=torch.float64)
    for scale in (1e-220, 1e220):
        expected = torch.linalg.matrix_norm(matrix, 2) * scale
        torch.testing.assert_close(spectral_norm(matrix * scale), expected, rtol=1e-10, atol=0)
    assert spectral_norm(torch.zeros(3, 3, dtype=torch.float64)) == 0


@pytest.mark.parametrize("rank", [1, 3, 7])
def test_ranks_of_equal_singular_values(rank):
    values = torch.cat([torch.full((rank,), 2.5), torch.zeros(7 - rank)]).double()
    assert stable_rank(values) == pytest.approx(rank)
    assert effective_rank(values) == pytest.approx(rank)


def test_a_zero_matrix_has_no_rank():
    nothing = torch.zeros(4, dtype=torch.float64)
    assert stable_rank(nothing) == 0 and effective_rank(nothing) == 0


def test_ranks_lie_between_one_and_the_number_of_values():
    values = torch.rand(50, 9, dtype=torch.float64).sort(-1, descending=True).values
    for ranks in (effective_rank(values), stable_rank(values)):
        assert (ranks >= 1).all() and (ranks <= 9).all()


@pytest.mark.parametrize(
    ("layer", "names"),
    [
        (LRSCfC(3, 5), "G H F"),
        (LRSCfC(3, 5, mode="no_gate"), "G H time_a time_b"),
        (LRSCfC(3, 5, gate="removed"), "G H"),
        (LRSCfC(3, 5, mode="pure"), "a"),
        (LRSLSTM(3, 5, proj_size=2), "i f g o"),
        (LRSGRU(3, 5, 2), "r z n"),
        (LRSRNN(3, 5), "h"),
        (nn.LSTM(3, 5), "i f g o"),
        (nn.GRU(3, 5, 2), "r z n"),
        (nn.RNN(3, 5), "h"),
    ],
)
def test_every_matrix_has_a_name(layer, names):
    assert list(gate_names(layer)) == names.split()
    assert recurrent_matrices(layer)[0].shape[0] == len(names.split())


def test_the_change_is_trained_minus_initial():
    layer = LRSCfC(3, 8, rank=2, sparsity=0.5)
    before = recurrent_matrices(layer)
    with torch.no_grad():
        layer.weight_hh_w1_l0.mul_(3)
    found = compare_matrices(recurrent_matrices(layer), before)[0]
    torch.testing.assert_close(found["trained"].norm, 3 * found["initial"].norm)
    torch.testing.assert_close(found["change"].norm, 2 * found["initial"].norm)
    assert set(compare_matrices(before)[0]) == {"trained"}


def test_a_projected_lstm_has_no_radius():
    found = compare_matrices(recurrent_matrices(LRSLSTM(3, 5, proj_size=2)))[0]["trained"]
    assert found.radius.isnan().all() and found.norm.isfinite().all()


def test_the_matrices_are_those_that_act():
    layer = LRSCfC(3, 8, eval_rank=2)
    cut = recurrent_matrices(layer.train())[0]
    assert torch.linalg.matrix_rank(cut).tolist() == [2, 2, 2]
    assert layer.training


def test_no_matrix_no_analysis():
    with pytest.raises(ArgumentError, match="FeedForward has no recurrent state"):
        recurrent_matrices(FeedForward(3, 4))
