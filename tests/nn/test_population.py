"""Policies in a stack: the numbers and gradients of each alone, zeros that stay, ways back."""

from __future__ import annotations

import copy
from dataclasses import replace

import gymnasium as gym
import pytest
import torch

from lrs_lightning.errors import ArgumentError
from lrs_lightning.nn import PolicyConfig, build_policy, controls, cores, encoders
from lrs_lightning.nn.population import PolicyPopulation, architecture

SPACES = gym.spaces.Box(-1, 1, (5,)), gym.spaces.Box(-1, 1, (2,))
RANKS = ((1, 0.5), (3, 0.0), (7, 0.8))


def policies(core=cores.CfC, **options):
    made = []
    for rank, sparsity in RANKS:
        config = PolicyConfig(
            encoders.Vector(features=6),
            core(hidden_size=8, rank=rank, sparsity=sparsity, **options),
        )
        policy = build_policy(config, *SPACES).double()
        policy.encoder.set_statistics(torch.randn(5), 1 + torch.rand(5))
        made.append(policy)
    return made


def loss(policy, x):
    return policy.unroll(x)[0].square().sum()


VARIANTS = [
    (cores.CfC, {}),
    (cores.CfC, {"num_layers": 2}),
    (cores.CfC, {"gate": "frozen"}),
    (cores.CfC, {"gate": "removed"}),
    (cores.LSTM, {"num_layers": 2}),
    (cores.GRU, {}),
    (cores.RNN, {}),
]


@pytest.mark.parametrize(("core", "options"), VARIANTS)
@pytest.mark.parametrize("shared", [False, True])
def test_a_stack_equals_its_policies_and_gives_their_gradients(core, options, shared):
    alone = policies(core, **options)
    together = PolicyPopulation(alone)
    x = torch.randn(2, 4, 5) if shared else torch.randn(3, 2, 4, 5)
    x = x.double()
    own = [x] * 3 if shared else list(x)
    losses = together.run(loss, x, axes=[None if shared else 0])
    expected = torch.stack([loss(policy, part) for policy, part in zip(alone, own, strict=True)])
    torch.testing.assert_close(losses, expected, rtol=0, atol=1e-12)
    losses.sum().backward()
    expected.sum().backward()
    for name, stacked in together.stacked().items():
        for member, policy in enumerate(alone):
            wanted = dict(policy.named_parameters())[name].grad
            inside = tuple(slice(size) for size in wanted.shape)
            gradient = stacked.grad[member]
            torch.testing.assert_close(gradient[inside], wanted, rtol=0, atol=1e-12)
            gradient[inside] = 0
            assert not gradient.any(), f"{name}: what was filled up has a gradient"


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("core", "options"), VARIANTS)
def test_the_way_there_and_back_loses_nothing(core, options, training):
    alone = policies(core, **options)
    together = PolicyPopulation(alone).train(training)
    x = torch.randn(2, 4, 5, dtype=torch.float64)
    with torch.inference_mode():
        outputs = together.run(lambda p, x: p.unroll(x)[0], x, axes=[None])
    for member, policy in enumerate(alone):
        policy.train(training)
        expected, _ = policy.unroll(x)
        torch.testing.assert_close(outputs[member], expected, rtol=0, atol=1e-12)
        back = build_policy(policy.config, *SPACES).double()
        together.copy_to(back, member)
        for key, value in policy.state_dict().items():  # a gate's mean was learned on the way
            torch.testing.assert_close(back.state_dict()[key], value, rtol=0, atol=1e-14)


def test_what_is_cut_in_evaluation_is_cut_in_a_stack():
    alone = policies(control=controls.Dense())[:1]
    options = {"hidden_size": 8, "rank": 2, "control": controls.Truncated()}
    for _ in range(2):
        config = PolicyConfig(encoders.Vector(features=6), cores.CfC(**options))
        alone.append(build_policy(config, *SPACES).double())
    assert architecture(alone[0]) != architecture(alone[1])
    together = PolicyPopulation(alone[1:]).eval()
    x = torch.randn(2, 4, 5, dtype=torch.float64)
    outputs = together.run(lambda p, x: p.unroll(x)[0], x, axes=[None])
    for one, policy in zip(outputs, alone[1:], strict=True):
        torch.testing.assert_close(one, policy.eval().unroll(x)[0], rtol=0, atol=1e-10)


def test_dense_and_masked_policies_make_one_stack():
    makers = [{"control": controls.Dense()}, {"rank": None, "sparsity": 0.5}]
    made = []
    for options in makers:
        core = cores.GRU(**{"hidden_size": 8, "rank": 2, **options})
        config = PolicyConfig(encoders.Vector(features=6), core)
        made.append(build_policy(config, *SPACES).double())
    together = PolicyPopulation(made)
    x = torch.randn(2, 4, 5, dtype=torch.float64)
    outputs = together.run(lambda p, x: p.unroll(x)[0], x, axes=[None])
    for one, policy in zip(outputs, made, strict=True):
        torch.testing.assert_close(one, policy.unroll(x)[0], rtol=0, atol=1e-12)


def test_what_does_not_belong_together_is_refused():
    with pytest.raises(ArgumentError, match="one architecture"):
        PolicyPopulation([policies()[0], policies(cores.LSTM)[0]])
    with pytest.raises(ArgumentError, match="one architecture"):
        PolicyPopulation([])


def test_pixels_run_in_a_stack():
    spaces = gym.spaces.Box(0, 255, (2, 84, 84), "uint8"), gym.spaces.Discrete(3)
    made = [
        build_policy(
            PolicyConfig(encoders.Small(features=4), cores.CfC(hidden_size=4, rank=rank)), *spaces
        ).double()
        for rank in (1, 3)
    ]
    x = torch.randint(0, 255, (1, 2, 2, 84, 84), dtype=torch.uint8)
    outputs = PolicyPopulation(made).run(lambda p, x: p.unroll(x)[0], x, axes=[None])
    for one, policy in zip(outputs, made, strict=True):
        torch.testing.assert_close(one, policy.unroll(x)[0], rtol=0, atol=1e-12)


def test_each_policy_draws_its_own_luck():
    core = cores.GRU(hidden_size=8, rank=2, num_layers=2, dropout=0.5)
    policy = build_policy(PolicyConfig(encoders.Vector(features=6), core), *SPACES)
    together, x = PolicyPopulation([policy, policy]), torch.randn(2, 4, 5)
    for training in (True, False):
        together.train(training)
        one, other = together.run(lambda p, x: p.unroll(x)[0], x, axes=[None])
        assert torch.equal(one, other) is not training


LIKE = {
    "rank": 3, "sparsity": 0.25, "init": "glorot", "mask_seed": 1, "share_mask": True,
}  # fmt: skip
UNLIKE = {"hidden_size": 9, "num_layers": 2, "dropout": 0.5, "backend": "cpu"}


@pytest.mark.parametrize("option", [*LIKE, *UNLIKE])
def test_what_decides_numbers_alone_may_differ(option):
    def of(**options):
        core = cores.GRU(**{"hidden_size": 8, "rank": 2} | options)
        return architecture(build_policy(PolicyConfig(encoders.Vector(features=6), core), *SPACES))

    assert (of(**{option: (LIKE | UNLIKE)[option]}) == of()) is (option in LIKE)


def test_what_is_as_dense_in_the_end_is_of_one_architecture():
    def of(config):
        return architecture(build_policy(config, *SPACES))

    dense = cores.GRU(hidden_size=8, rank=None)
    one = of(PolicyConfig(core=dense))
    assert one == of(PolicyConfig(core=replace(dense, control=controls.Dense())))
    assert one == of(PolicyConfig(core=dense, init_seed=3))
    assert one != of(PolicyConfig(encoders.Vector(features=6), dense))
    assert one != of(PolicyConfig(core=cores.GRU(hidden_size=8, rank=8, factor_full_rank=True)))
    full = PolicyConfig(core=cores.GRU(hidden_size=8, rank=7, factor_full_rank=True))
    assert of(full) == of(PolicyConfig(core=cores.GRU(hidden_size=8, rank=7)))
    still = build_policy(PolicyConfig(core=dense), *SPACES)
    still.core.requires_grad_(False)
    assert one != architecture(still)
    bare = build_policy(PolicyConfig(core=dense), *SPACES)
    bare.config = None
    assert architecture(bare) == architecture(copy.deepcopy(bare)) != one
