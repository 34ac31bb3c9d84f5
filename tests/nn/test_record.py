"""States of every step: what a layer and a policy remember, an LSTM's c included."""

from __future__ import annotations

import gymnasium as gym
import pytest
import torch

from lrs_lightning.nn import CORES, LRSGRU, LRSLSTM, LRSRNN, LRSCfC, PolicyConfig, build_policy

SPACES = gym.spaces.Box(-1, 1, (5,)), gym.spaces.Box(-1, 1, (2,))
LAYERS = [LRSCfC, LRSLSTM, LRSGRU, LRSRNN]


def parts(state):
    return (state,) if isinstance(state, torch.Tensor) else tuple(state)


@pytest.mark.parametrize("core", list(CORES))
@pytest.mark.parametrize("num_layers", [1, 2])
def test_recorded_states_are_those_of_the_steps(core, num_layers):
    config = PolicyConfig(core=CORES[core](hidden_size=12, num_layers=num_layers), init_seed=0)
    policy = build_policy(config, *SPACES).double().eval()
    observations = torch.randn(3, 7, 5, dtype=torch.float64)
    resets = torch.rand(3, 7) < 0.3
    out, last, states = policy.unroll(observations, resets=resets, return_states=True)
    plain, end = policy.unroll(observations, resets=resets)
    torch.testing.assert_close((out, parts(last)), (plain, parts(end)), rtol=0, atol=1e-12)
    state = policy.initial_state(3)
    for t in range(7):
        _, state = policy.step(observations[:, t], state, resets=resets[:, t])
        for part, recorded in zip(parts(state), parts(states), strict=True):
            torch.testing.assert_close(recorded[:, :, t], part, rtol=0, atol=1e-12)


@pytest.mark.parametrize("layer_class", LAYERS)
@pytest.mark.parametrize("batch_first", [True, False])
def test_a_layer_records_in_the_order_of_its_axes(layer_class, batch_first):
    layer = layer_class(3, 6, num_layers=2, rank=2, batch_first=batch_first).double()
    x = torch.randn(4, 5, 3, dtype=torch.float64)
    y, last, states = layer.record(x)
    torch.testing.assert_close((y, parts(last)), (layer(x)[0], parts(layer(x)[1])))
    for part, end in zip(parts(states), parts(last), strict=True):
        assert part.shape == (2, 4, 5, 6)
        torch.testing.assert_close(part[:, :, -1] if batch_first else part[:, -1], end)
    torch.testing.assert_close(parts(states)[0][-1], y)
    alone = layer.record(x[0] if batch_first else x[:, 0])
    for part, one in zip(parts(states), parts(alone[2]), strict=True):
        torch.testing.assert_close(part[:, 0] if batch_first else part[:, :, 0], one)


def test_a_projected_lstm_records_its_cell_state():
    layer = LRSLSTM(3, 6, proj_size=2).double()
    h, c = layer.record(torch.randn(4, 5, 3, dtype=torch.float64))[2]
    assert h.shape == (1, 4, 5, 2) and c.shape == (1, 4, 5, 6)


def test_gradients_pass_through_recorded_states():
    layer = LRSLSTM(3, 6).double()
    _, _, (_, c) = layer.record(torch.randn(4, 5, 3, dtype=torch.float64))
    c.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in layer.parameters())
