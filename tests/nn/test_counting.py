"""Counts against the formulas 2nr, n² and (1 - s) n², and the sizes that match them."""

from __future__ import annotations

import gymnasium as gym
import pytest

from lrs_lightning.nn import (
    LRSGRU,
    LRSLSTM,
    LRSRNN,
    LRSCfC,
    PolicyConfig,
    build_policy,
    count_parameters,
    matched_hidden_size,
)

SPACES = gym.spaces.Box(-1, 1, (17,)), gym.spaces.Box(-1, 1, (6,))


# Recurrent numbers of the cells at n = 64 (paper dossier, 2.3).
@pytest.mark.parametrize(
    ("layer_class", "rank", "expected"),
    [
        (LRSCfC, None, 12288),
        (LRSCfC, 32, 12288),
        (LRSCfC, 16, 6144),
        (LRSCfC, 8, 3072),
        (LRSCfC, 5, 1920),
        (LRSLSTM, None, 16384),
        (LRSLSTM, 8, 4096),
        (LRSGRU, 5, 1920),
        (LRSRNN, 8, 1024),
    ],
)
def test_recurrent_numbers(layer_class, rank, expected):
    layer = layer_class(256, 64, rank=rank)
    count = count_parameters(layer)
    assert count.recurrent == expected
    assert count.recurrent_effective == layer.gates * 4096
    assert count.input == layer.gates * 64 * 256
    assert count.total == sum(p.numel() for p in layer.parameters())


def test_masks_store_nothing_away_but_fewer_connections_act():
    layer = LRSCfC(5, 32, rank=4, sparsity=0.75, num_layers=2)
    count = count_parameters(layer)
    assert count.recurrent == count.recurrent_free == 2 * 3 * 2 * 32 * 4
    connections = int(layer.mask(0).sum() + layer.mask(1).sum())
    assert count.recurrent_effective == connections
    assert connections == pytest.approx(0.25 * 6 * 1024, rel=0.1)
    dense = count_parameters(LRSCfC(5, 32, sparsity=0.75, num_layers=2))
    assert dense.recurrent == 6 * 1024 and dense.recurrent_free == connections
    assert dense.total - dense.total_free == 6 * 1024 - connections


def test_a_policy_counts_encoder_and_head_apart():
    policy = build_policy(PolicyConfig(), *SPACES)
    count = count_parameters(policy)
    assert count.other == 17 * 128 + 128 + 64 * 6 + 6
    assert count.total == sum(p.numel() for p in policy.parameters())


@pytest.mark.parametrize(
    ("target", "expected"), [(1, 1), (3 * 32**2, 32), (3 * 32**2 + 90, 32), (10**9, 64), (0, 1)]
)
def test_matched_size_is_the_nearest(target, expected):
    assert matched_hidden_size(target, lambda size: 3 * size**2, largest=64) == expected


@pytest.mark.parametrize("cell", ["cfc", "lstm", "gru", "rnn"])
@pytest.mark.parametrize(("rank", "sparsity"), [(8, 0.5), (None, 0.8), (2, 0.0)])
def test_matched_controls_have_as_many_parameters(cell, rank, sparsity):
    core = {"name": cell, "rank": rank, "sparsity": sparsity}
    prior = count_parameters(build_policy({"core": core}, *SPACES))
    recurrent = build_policy({"core": core | {"control": "matched-recurrent"}}, *SPACES)
    total = build_policy({"core": core | {"control": "matched-total"}}, *SPACES)
    size = recurrent.core.hidden_size
    # One unit more or less changes n² by 2n.
    gates = recurrent.core.gates
    error = abs(count_parameters(recurrent).recurrent - prior.recurrent_free)
    assert error <= gates * (size + 1)
    per_unit = count_parameters(total).total / total.core.hidden_size
    assert abs(count_parameters(total).total - prior.total_free) <= 2 * per_unit
    for policy in (recurrent, total):
        assert policy.core.hidden_size <= 64
        assert policy.core.mask() is None and not policy.core.connectivity.factored


def test_matched_total_counts_the_head():
    spaces = gym.spaces.Box(-1, 1, (17,)), gym.spaces.Box(-1, 1, (100,))  # a head that matters

    def total(**core):
        policy = build_policy({"core": {"name": "rnn", **core}}, *spaces)
        return count_parameters(policy).total_free, policy.core.hidden_size

    target, _ = total(hidden_size=20, rank=2)
    sizes = [total(hidden_size=size, rank=None, sparsity=0.0) for size in range(1, 21)]
    nearest = min(sizes, key=lambda pair: abs(pair[0] - target))[1]
    assert total(hidden_size=20, rank=2, control="matched-total")[1] == nearest


@pytest.mark.parametrize("rank", [None, 2])
def test_tied_weights_count_once(rank):
    layer = LRSCfC(8, 8, num_layers=2, rank=rank, sparsity=0.5)
    for name in list(dict(layer.named_parameters())):
        if name.endswith("_l1"):
            setattr(layer, name, getattr(layer, f"{name[:-1]}0"))
    count, single = count_parameters(layer), count_parameters(LRSCfC(8, 8, rank=rank, sparsity=0.5))
    assert count == single and count.other == 0
