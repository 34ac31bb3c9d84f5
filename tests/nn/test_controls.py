"""Each control does what its name says, from a configuration and on a trained layer."""

from __future__ import annotations

import copy

import gymnasium as gym
import pytest
import torch

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import (
    CONTROLS,
    CORES,
    LRSGRU,
    LRSLSTM,
    LRSRNN,
    LRSCfC,
    PolicyConfig,
    build_policy,
    controls,
    cores,
    freeze_gate,
    prune_layer,
    spectral_radius,
    truncate_layer,
)
from lrs_lightning.nn.compression import magnitude_mask, truncate

SPACES = gym.spaces.Box(-1, 1, (17,)), gym.spaces.Box(-1, 1, (6,))
LAYERS = [LRSCfC, LRSLSTM, LRSGRU, LRSRNN]


def train_a_little(layer):
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        layer(torch.randn(5, 4, layer.input_size))[0].square().sum().backward()
        optimizer.step()
    return layer


def test_magnitude_mask_keeps_the_largest_of_every_gate():
    weight = torch.randn(3, 8, 8)
    mask = magnitude_mask(weight, 0.75)
    assert mask.sum((1, 2)).tolist() == [16, 16, 16]
    for w, m in zip(weight.abs(), mask, strict=True):
        assert w[m == 1].min() > w[m == 0].max()
    assert magnitude_mask(weight, 0.0).all()


def test_truncation_is_the_best_approximation():
    weight = torch.randn(3, 8, 8, dtype=torch.float64)
    cut = truncate(weight, 2)
    assert torch.linalg.matrix_rank(cut).tolist() == [2, 2, 2]
    tail = torch.linalg.svdvals(weight)[:, 2:].square().sum(-1)
    torch.testing.assert_close((weight - cut).square().sum((1, 2)), tail)


@pytest.mark.parametrize("layer_class", LAYERS)
def test_truncate_layer(layer_class):
    layer = train_a_little(layer_class(3, 8, num_layers=2))
    before = copy.deepcopy(layer.state_dict())
    cut = truncate_layer(layer, rank=3)
    for depth in range(2):
        torch.testing.assert_close(
            cut.recurrent_weight(depth), truncate(layer.recurrent_weight(depth), 3)
        )
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())
    train_a_little(cut)  # it can be trained on
    full = truncate_layer(layer, rank=8)
    x = torch.randn(5, 2, 3)
    torch.testing.assert_close(full(x)[0], layer(x)[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("layer_class", LAYERS)
def test_prune_layer(layer_class):
    layer = train_a_little(layer_class(3, 8))
    pruned = prune_layer(layer, sparsity=0.5)
    weight, cut = layer.recurrent_weight(), pruned.recurrent_weight()
    assert torch.equal(cut, weight * magnitude_mask(weight, 0.5))
    train_a_little(pruned)
    assert torch.equal(pruned.recurrent_weight() == 0, cut == 0)


@pytest.mark.parametrize("function", [truncate_layer, prune_layer])
@pytest.mark.parametrize("options", [{"rank": 2}, {"sparsity": 0.5}])
def test_only_dense_layers_can_be_compressed(function, options):
    with pytest.raises(ArgumentError, match=f"{function.__name__} takes a dense layer"):
        function(LRSCfC(3, 8, **options), 1 if function is truncate_layer else 0.5)


@pytest.mark.parametrize("cell", ["cfc", "lstm", "gru", "rnn"])
def test_truncated_and_pruned_act_in_evaluation_only(cell):

    def make(control):
        core = CORES[cell](hidden_size=16, rank=3, sparsity=0.6, control=CONTROLS[control]())
        return build_policy(PolicyConfig(core=core, init_seed=0), *SPACES)

    x = torch.randn(2, 5, 17)
    for control in ("truncated", "pruned"):
        policy = make(control)
        dense = make("dense")
        assert torch.equal(policy.unroll(x)[0], dense.unroll(x)[0])
        trained = policy.core.recurrent_weight()
        policy.eval()
        weight = policy.core.recurrent_weight()
        if control == "truncated":
            torch.testing.assert_close(weight, truncate(trained, 3))
        else:
            assert torch.equal(weight, trained * magnitude_mask(trained, 0.6))
        assert not torch.equal(policy.unroll(x)[0], dense.eval().unroll(x)[0])
        # Whatever changes the weights must be seen: a step of an optimiser, a checkpoint, a move.
        with torch.no_grad():
            policy.core.weight_hh_l0.mul_(2)
        torch.testing.assert_close(policy.core.recurrent_weight(), 2 * weight)
        policy.load_state_dict(dense.state_dict(), strict=True)
        torch.testing.assert_close(policy.core.recurrent_weight(), weight)
        assert policy.double().core.recurrent_weight().dtype == torch.float64
        assert torch.equal(
            copy.deepcopy(policy).core.recurrent_weight(), policy.core.recurrent_weight()
        )


def test_compression_in_inference_mode_sees_changes():
    with torch.inference_mode():
        layer = LRSCfC(3, 8, eval_rank=2).eval()
        before = layer.recurrent_weight()
        layer.weight_hh_l0.mul_(2)
        torch.testing.assert_close(layer.recurrent_weight(), 2 * before)


@pytest.mark.parametrize("init", ["orthogonal", "glorot"])
def test_rescaled_starts_at_the_spectral_radius_of_the_prior(init):
    radii = []
    for seed in range(20):
        core = cores.CfC(init=init, rank=16, sparsity=0.5, control=controls.Rescaled())
        config = PolicyConfig(core=core, init_seed=seed)
        weight = build_policy(config, *SPACES).core.recurrent_weight()
        assert (weight != 0).all()
        radii.append(torch.linalg.eigvals(weight).abs().amax(-1).mean().item())
    mean = sum(radii) / len(radii)
    assert mean == pytest.approx(spectral_radius(64, 16, 0.5, init), rel=0.08)


def test_dense_control_has_no_prior():
    core = build_policy(PolicyConfig(core=cores.CfC(control=controls.Dense())), *SPACES).core
    assert core.mask() is None and "weight_hh_l0" in core.state_dict()
    assert core.hidden_size == 64


def test_removed_gate_is_one_half_and_has_no_parameters():
    layer = LRSCfC(3, 6, rank=2, sparsity=0.3, gate="removed").double()
    assert layer.weight_ih_l0.shape == (12, 3)
    assert layer.recurrent_weight().shape == (2, 6, 6)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    h = torch.zeros(2, 6, dtype=torch.float64)
    w_g, w_h = layer.recurrent_weight()
    for x_t, y_t in zip(x, layer(x)[0], strict=True):
        z = x_t @ layer.weight_ih_l0.T + layer.bias_ih_l0
        h = (torch.tanh(z[:, :6] + h @ w_g.T) + torch.tanh(z[:, 6:] + h @ w_h.T)) / 2
        torch.testing.assert_close(y_t, h, rtol=0, atol=1e-12)


def gate_values(layer, x, resets=None, timespans=None):
    """F at every step, by a plain loop."""
    h = torch.zeros(x.shape[1], layer.hidden_size, dtype=x.dtype)
    values = []
    states = layer(x, resets=resets, timespans=timespans)[0]
    w = layer.recurrent_weight()[2]
    for t, x_t in enumerate(x):
        if resets is not None:
            h = h * ~resets[t].unsqueeze(-1)
        z = (x_t @ layer.weight_ih_l0.T + layer.bias_ih_l0)[:, 2 * layer.hidden_size :] + h @ w.T
        values.append(torch.sigmoid(z if timespans is None else z * timespans[t].unsqueeze(-1)))
        h = states[t]
    return torch.stack(values)


def test_freeze_gate_holds_the_mean_over_clean_inputs():
    layer = LRSCfC(3, 6, rank=2, sparsity=0.3).double()
    inputs = [torch.randn(5, 2, 3, dtype=torch.float64) for _ in range(3)]
    frozen = freeze_gate(layer, inputs)
    mean = torch.cat([gate_values(layer, x).flatten(0, 1) for x in inputs]).mean(0)
    torch.testing.assert_close(frozen.gate_mean().mean, mean, rtol=0, atol=1e-12)
    # The frozen layer is a fixed mixture of G and H.
    x, h = inputs[0], torch.zeros(2, 6, dtype=torch.float64)
    w = layer.recurrent_weight()
    for x_t, y_t in zip(x, frozen(x)[0], strict=True):
        z = x_t @ layer.weight_ih_l0.T + layer.bias_ih_l0
        g, candidate = torch.tanh(z[:, :6] + h @ w[0].T), torch.tanh(z[:, 6:12] + h @ w[1].T)
        h = g * (1 - mean) + candidate * mean
        torch.testing.assert_close(y_t, h, rtol=0, atol=1e-12)
    assert layer.gate == "learned"


def test_a_gate_that_is_frozen_afterwards_forgets_nothing_of_what_it_was_shown():
    layer = LRSCfC(1, 2, num_layers=2, dropout=0.5).double()
    inputs = list(torch.randn(150, 2, 1, 1, dtype=torch.float64))
    frozen = freeze_gate(layer, iter(inputs))
    for depth in range(2):
        own = freeze_gate(layer, inputs[:1]).gate_mean(depth).mean
        every = [freeze_gate(layer, [x]).gate_mean(depth).mean for x in inputs]
        torch.testing.assert_close(every[0], own, rtol=0, atol=0)
        mean = torch.stack(every).mean(0)
        torch.testing.assert_close(frozen.gate_mean(depth).mean, mean, rtol=0, atol=1e-12)
    assert (frozen.dropout, layer.dropout, frozen.training) == (0.5, 0.5, False)


def test_a_gate_that_learns_its_mean_forgets_after_a_hundred_batches():
    layer = LRSCfC(1, 2, gate="frozen").double()
    mean = torch.full((2,), 0.5, dtype=torch.float64)
    for batch in range(1, 104):
        x = torch.randn(2, 1, 1, dtype=torch.float64)
        seen = gate_values(layer, x).detach().flatten(0, 1)
        mean += (seen.mean(0) - mean) / min(batch, 100)
    torch.testing.assert_close(layer.gate_mean().mean, mean, rtol=0, atol=1e-12)


def test_frozen_gate_learns_its_mean_in_training():
    layer = LRSCfC(3, 6, gate="frozen").double()
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    resets = torch.rand(5, 2) < 0.4
    timespans = 2 * torch.rand(5, 2, dtype=torch.float64)
    seen = gate_values(layer, x, resets, timespans)
    torch.testing.assert_close(
        layer.gate_mean().mean, seen.flatten(0, 1).mean(0), rtol=0, atol=1e-12
    )
    learned = LRSCfC(3, 6).double()
    learned.load_state_dict(layer.state_dict(), strict=False)
    # Training is untouched, but for the order in which a projection of its own is summed.
    torch.testing.assert_close(layer(x)[0], learned(x)[0], rtol=0, atol=1e-14)
    layer.eval()
    mean = layer.gate_mean().mean.clone()
    assert not torch.allclose(layer(x)[0], learned(x)[0])
    assert torch.equal(layer.gate_mean().mean, mean)


def test_frozen_gate_weighs_steps_not_spans():
    # Lengths split a call into spans: one of 99 steps of one row, one of a step of all rows.
    layer = LRSCfC(3, 6, gate="frozen", num_layers=2).double()
    x, lengths = torch.randn(100, 8, 3, dtype=torch.float64), [100, *[1] * 7]
    layer(x, lengths=lengths)
    alone = LRSCfC(3, 6, num_layers=2).double()
    alone.load_state_dict(layer.state_dict(), strict=False)
    first = LRSCfC(3, 6).double()
    first.load_state_dict({k: v for k, v in layer.state_dict().items() if k.endswith("_l0")})
    steps = [gate_values(first, x[:n, row : row + 1])[:, 0] for row, n in enumerate(lengths)]
    mean = torch.cat(steps).mean(0)
    torch.testing.assert_close(layer.gate_mean().mean, mean, rtol=0, atol=1e-12)
    assert int(layer.gate_mean().batches) == int(layer.gate_mean(1).batches) == 1


def test_frozen_gate_in_evaluation_does_not_depend_on_elapsed_times():
    layer = LRSCfC(3, 6, gate="frozen").double()
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    layer(x, timespans=2 * torch.rand(5, 2, dtype=torch.float64))
    layer.eval()
    fast = layer(x, timespans=torch.full((5, 2), 0.1, dtype=torch.float64))[0]
    assert torch.equal(fast, layer(x)[0])


def test_recording_counts_as_one_batch():
    layer = LRSCfC(3, 6, gate="frozen").double()
    layer.record(torch.randn(5, 2, 3, dtype=torch.float64))
    assert int(layer.gate_mean().batches) == 1


@pytest.mark.parametrize(
    ("layer", "inputs", "message"),
    [
        (LRSCfC(3, 6, mode="default"), [], "only mode 'paper' has one gate F"),
        (LRSCfC(3, 6, gate="removed"), [], "no F whose mean could be measured"),
        (LRSCfC(3, 6), [], "inputs is empty"),
    ],
)
def test_bad_freezing_is_named(layer, inputs, message):
    with pytest.raises(ArgumentError, match=message):
        freeze_gate(layer, inputs)


@pytest.mark.parametrize("core", [cores.CfC, cores.LSTM, cores.GRU, cores.RNN])
def test_without_recurrence_the_matrices_are_zero_and_stay(core):
    config = PolicyConfig(core=core(hidden_size=4, rank=2, control=controls.NoRecurrence()))
    spaces = gym.spaces.Box(-1, 1, (3,)), gym.spaces.Box(-1, 1, (2,))
    policy = build_policy(config, *spaces)
    trained = [p for p in policy.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=0.1)
    x = torch.randn(2, 5, 3)
    policy.unroll(x)[0].square().sum().backward()
    optimizer.step()
    assert not policy.core.recurrent_weight().any()
    if core in (cores.CfC, cores.RNN):  # what was seen before leaves no trace
        other = x.clone()
        other[:, :4] += 1
        now, then = policy.unroll(x)[0][:, 4], policy.unroll(other)[0][:, 4]
        torch.testing.assert_close(now, then, rtol=0, atol=0)
