"""Made on the meta device and filled later: every buffer has its values again."""

from __future__ import annotations

import gymnasium as gym
import pytest
import torch

from lrs_lightning.nn import (
    LRSGRU,
    LRSLSTM,
    LRSRNN,
    LRSCfC,
    PolicyConfig,
    build_policy,
    cores,
    encoders,
)

LAYERS = [LRSCfC, LRSLSTM, LRSGRU, LRSRNN]
SPACES = gym.spaces.Box(-1, 1, (5,)), gym.spaces.Box(-2, 3, (2,))


def fill(module):
    """`to_empty`, with rubbish in place of luck, then `reset_parameters` of all parts."""
    module.to_empty(device="cpu")
    for tensor in (*module.parameters(), *module.buffers()):
        tensor.data.fill_(float("nan") if tensor.is_floating_point() else 77)
    for part in module.modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
    return module


def assert_same_buffers(one, other):
    ours, theirs = dict(one.named_buffers()), dict(other.named_buffers())
    assert ours.keys() == theirs.keys()
    for name, buffer in ours.items():
        assert torch.equal(buffer, theirs[name]), name
    assert all(p.isfinite().all() for p in one.parameters())


@pytest.mark.parametrize("layer_class", LAYERS)
@pytest.mark.parametrize("by", ["argument", "context"])
def test_layers(layer_class, by):
    options = {"rank": 2, "sparsity": 0.5, "num_layers": 2, "mask_seed": 3}
    if layer_class is LRSCfC:
        options["gate"] = "frozen"
    if by == "argument":
        layer = layer_class(3, 8, device="meta", **options)
    else:
        with torch.device("meta"):
            layer = layer_class(3, 8, **options)
    assert all(tensor.is_meta for tensor in (*layer.parameters(), *layer.buffers()))
    assert_same_buffers(fill(layer), layer_class(3, 8, **options))


@pytest.mark.parametrize(
    "config",
    [
        PolicyConfig(encoders.Vector(channels=[0, 3])),
        PolicyConfig(core=cores.CfC(gate="frozen")),
        PolicyConfig(core=cores.CfC(mode="pure")),
        PolicyConfig(core=cores.Stack()),
    ],
)
def test_policies(config):
    with torch.device("meta"):
        policy = build_policy(config, *SPACES)
    assert all(tensor.is_meta for tensor in (*policy.parameters(), *policy.buffers()))
    assert_same_buffers(fill(policy), build_policy(config, *SPACES))


KINDS = [
    (LRSCfC, {"rank": 2, "sparsity": 0.5, "gate": "frozen"}),
    (LRSCfC, {"mode": "pure"}),
    (LRSLSTM, {"proj_size": 3, "forget_bias": 2.0}),
    (LRSLSTM, {"proj_size": 3, "init": "uniform", "forget_bias": 2.0}),
    (LRSGRU, {"rank": 3, "init": "glorot"}),
    (LRSRNN, {"sparsity": 0.5, "init": "uniform"}),
]


@pytest.mark.parametrize(("layer_class", "options"), KINDS, ids=str)
def test_reset_parameters_is_a_pure_function_of_the_seeds(layer_class, options):
    layer = layer_class(3, 8, 2, device="meta", **options).to_empty(device="cpu")
    for tensor in (*layer.parameters(), *layer.buffers()):
        tensor.data.fill_(float("nan") if tensor.is_floating_point() else 77)
    torch.manual_seed(4)
    layer.reset_parameters()
    torch.manual_seed(4)
    other = layer_class(3, 8, 2, **options)
    for name, value in layer.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_values_that_are_not_drawn():
    pure, lstm = LRSCfC(3, 8, 2, mode="pure"), LRSLSTM(3, 8, 2, forget_bias=2.0)
    frozen = LRSCfC(3, 8, 2, gate="frozen")
    for depth in range(2):
        assert pure.part("w_tau", depth).eq(0).all()
        assert pure.part("amplitude", depth).eq(1).all()
        bias = lstm.part("bias_ih", depth).view(4, 8)
        assert bias[1].eq(2).all() and bias[[0, 2, 3]].eq(0).all()
        assert lstm.part("bias_hh", depth).eq(0).all()
        mean = frozen.gate_mean(depth)
        assert mean.mean.eq(0.5).all() and mean.batches == 0
