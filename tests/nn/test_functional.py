"""Derivatives of any order, and torch.func, on unchanged layers and policies."""

from __future__ import annotations

import gymnasium as gym
import pytest
import torch
from torch.func import functional_call, grad, jacrev, stack_module_state, vmap
from torch.nn.utils import parametrize

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

SPACES = gym.spaces.Box(-1, 1, (5,)), gym.spaces.Box(-1, 1, (2,))
LAYERS = [LRSCfC, LRSLSTM, LRSGRU, LRSRNN]
BACKENDS = ["auto", "reference"]


@pytest.mark.parametrize("layer_class", LAYERS)
def test_second_derivatives_with_the_reference(layer_class):
    layer = layer_class(2, 3, rank=1, backend="reference").double()
    x = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: layer(x)[0], (x,))


def test_the_sentence_about_second_derivatives_can_be_followed():
    layer = LRSCfC(2, 3)
    x = torch.randn(3, 2, 2, requires_grad=True)
    with pytest.raises(RuntimeError, match="backend='reference'"):
        (first,) = torch.autograd.grad(layer(x)[0].square().sum(), x, create_graph=True)
        first.sum().backward()
    layer.backend = "reference"
    (first,) = torch.autograd.grad(layer(x)[0].square().sum(), x, create_graph=True)
    first.square().sum().backward()


@pytest.mark.parametrize("core", [cores.CfC, cores.LSTM, cores.GRU, cores.RNN])
def test_a_policy_takes_a_backend(core):
    def make(backend):
        config = PolicyConfig(core=core(hidden_size=8, rank=2, backend=backend), init_seed=0)
        return build_policy(config, *SPACES).double()

    x = torch.randn(2, 4, 5, dtype=torch.float64)
    assert make("reference").core.backend == "reference"
    outputs = [make(backend).unroll(x)[0] for backend in ("reference", "cpu", "auto")]
    torch.testing.assert_close(outputs[1:], outputs[:1] * 2, rtol=0, atol=1e-12)


def ensemble(backend):
    config = PolicyConfig(
        encoders.Vector(features=6), cores.CfC(hidden_size=8, rank=2, backend=backend)
    )
    return [build_policy(config, *SPACES).double() for _ in range(3)]


@pytest.mark.parametrize("backend", BACKENDS)
def test_vmap_over_an_ensemble_of_policies(backend):
    policies = ensemble(backend)
    parameters, buffers = stack_module_state(policies)
    x = torch.randn(2, 4, 5, dtype=torch.float64)

    class Outputs(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.policy = policies[0]

        def forward(self, x):
            return self.policy.unroll(x)[0]

    named = [{f"policy.{k}": v for k, v in part.items()} for part in (parameters, buffers)]
    together = vmap(lambda p, b: functional_call(Outputs(), (p, b), (x,)))(*named)
    alone = torch.stack([policy.unroll(x)[0] for policy in policies])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("layer_class", LAYERS)
def test_grad_and_jacrev_equal_autograd(layer_class, backend):
    layer = layer_class(2, 3, rank=1, sparsity=0.3, backend=backend).double()
    parameters = dict(layer.named_parameters())
    x = torch.randn(4, 2, 2, dtype=torch.float64)

    def loss(parameters, x):
        return functional_call(layer, parameters, (x,))[0].square().sum()

    gradients = grad(loss)(parameters, x)
    expected = torch.autograd.grad(loss(parameters, x), list(parameters.values()))
    torch.testing.assert_close(list(gradients.values()), list(expected))
    jacobian = jacrev(lambda x: layer(x)[0])(x)
    wanted = torch.autograd.functional.jacobian(lambda x: layer(x)[0], x)
    torch.testing.assert_close(jacobian, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0"])
def test_what_stands_in_for_a_parameter_is_used(name):
    class Twice(torch.nn.Module):
        def forward(self, part):
            return 2 * part

    layer, doubled = LRSCfC(3, 4), LRSCfC(3, 4)
    doubled.load_state_dict({
        key: 2 * part if key == name else part for key, part in layer.state_dict().items()
    })  # fmt: skip
    x = torch.randn(5, 2, 3)
    parametrize.register_parametrization(layer, name, Twice())
    assert torch.equal(layer(x)[0], doubled(x)[0])
