"""A frozen encoder: taken as it is, never trained, counted apart, there once in a population."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import PolicyConfig, build_policy, cores, count_parameters, encoders
from lrs_lightning.nn.encoders import digest_of
from lrs_lightning.nn.population import PolicyPopulation

SPACES = Box(0, 255, (4, 36, 36), np.uint8), Discrete(3)


def network(name):
    return {"name": name, "features": 7, "channels": [3]}


def policy(source, seed=0, **core):
    """A policy whose frozen encoder has the weights of `source`."""
    taken = encoders.Frozen("a run", network(source.kind), "a task", digest_of(source))
    config = PolicyConfig(taken, cores.CfC(hidden_size=6, rank=2, **core), init_seed=seed)
    made = build_policy(config, *SPACES)
    made.encoder.load_state_dict(source.state_dict())
    return made


def trained(name="small"):
    made = encoders.ENCODERS.from_dict(network(name)).build(SPACES[0])
    made.kind = name
    return made.eval()


def frames(*leading):
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.integers(0, 256, (*leading, 4, 36, 36), dtype=np.uint8))


@pytest.mark.parametrize(
    "name", ["small", "ncps"]
)  # `ncps` has batch norms, which learn in passing
def test_it_is_the_encoder_that_was_taken_whatever_is_trained(name):
    source = trained(name)
    own, seen = policy(source).train(), frames(2, 5)
    wanted = source(seen).detach()
    optimizer = torch.optim.SGD(own.parameters(), lr=1.0)
    for _ in range(2):
        optimizer.zero_grad()
        own.unroll(seen)[0].square().sum().backward()
        optimizer.step()
    assert own.training and not own.encoder.training
    assert all(parameter.grad is None for parameter in own.encoder.parameters())
    assert digest_of(own.encoder) == digest_of(source)
    torch.testing.assert_close(own.encoder(seen), wanted, rtol=0, atol=0)


def test_without_weights_nothing_comes_out_of_it():
    taken = encoders.Frozen("a run", network("small"))
    own = build_policy(PolicyConfig(taken, cores.MLP(hidden_size=4)), *SPACES)
    assert bool(own.unroll(frames(1, 2))[0].isnan().all())
    with pytest.raises(ArgumentError, match="known by its run alone"):
        build_policy(PolicyConfig(encoders.Frozen("a run")), *SPACES)


def test_it_is_counted_apart_and_described():
    source = trained()
    own = policy(source)
    stored = sum(parameter.numel() for parameter in source.parameters())
    count = count_parameters(own)
    assert count.frozen == stored and count.total > stored
    learned = sum(p.numel() for p in own.parameters() if p.requires_grad)
    assert count.total_free == learned
    about = own.config.describe()
    assert about["encoder"] == "frozen" and about["encoder_network"] == "small"
    assert about["encoder_sha256"] == digest_of(source) and about["features"] == 7
    assert PolicyConfig.from_dict(own.config.to_dict()) == own.config


def test_stored_features_and_frames_give_the_same():
    own, seen = policy(trained()), frames(2, 5)
    resets = torch.zeros(2, 5, dtype=torch.bool)
    resets[1, 3] = True
    features = own.encoder(seen)
    wanted, state = own.unroll(seen, resets=resets)
    found, last = own.unroll_features(features, resets=resets)
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(last, state)
    step, _ = own.step_features(features[:, 0], own.initial_state(2), resets[:, 0])
    torch.testing.assert_close(step, wanted[:, 0])
    with pytest.raises(ArgumentError, match=r"features have shape \(2, 5, 6\)"):
        own.unroll_features(features[..., :6])
    with pytest.raises(ArgumentError, match="resets has shape"):
        own.unroll_features(features, resets=resets[:, :3])


@pytest.mark.parametrize("same", [True, False])
def test_a_population_has_one_encoder_or_each_its_own(same):
    first = trained()
    second = first if same else trained()
    alone = [policy(first, 1), policy(second, 2, sparsity=0.0)]
    if not same:  # of one architecture, as far as the configuration says
        alone[1].config = alone[0].config
    together, seen = PolicyPopulation(alone), frames(2, 3)
    weight = dict(together.named_parameters()) | dict(together.named_buffers())
    assert weight["encoder/head/1/weight"].dim() == (2 if same else 3)
    outputs = together.run(lambda p, x: p.unroll(x)[0], seen, axes=[None])
    apart = together.run(lambda p, x: p.unroll(x)[0], torch.stack([seen, 255 - seen]), axes=[0])
    for member, own in enumerate(alone):
        torch.testing.assert_close(outputs[member], own.unroll(seen)[0])
        torch.testing.assert_close(apart[member], own.unroll(255 - seen if member else seen)[0])
        back = policy(trained(), 5, sparsity=0.5 if member == 0 else 0.0)
        together.copy_to(back, member)
        for name, value in own.state_dict().items():
            assert torch.equal(back.state_dict()[name], value), name


def test_a_head_that_is_linear_in_the_features_is_a_control_without_memory():
    config = PolicyConfig(encoders.Vector(features=5), cores.MLP(num_layers=0))
    own = build_policy(config, Box(-1, 1, (3,)), Discrete(2)).double()
    seen = torch.randn(2, 4, 3, dtype=torch.float64)
    outputs, state = own.unroll(seen)
    assert own.initial_state(2).shape == state.shape == (1, 2, 0)
    wanted = own.encoder(seen) @ own.head.dense.weight.mT + own.head.dense.bias
    torch.testing.assert_close(outputs, wanted, rtol=0, atol=1e-14)
