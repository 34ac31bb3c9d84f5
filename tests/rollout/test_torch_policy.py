from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch

from lrs_lightning.envs import describe
from lrs_lightning.nn import CORES, PolicyConfig, build_policy
from lrs_lightning.rollout import TorchPolicy, rollout
from lrs_lightning.rollout.torch_policy import torch_threads

HOPPER = describe("Hopper-v5")
BOX = gym.spaces.Box(-1, 1, (3,))


def policy(cell="cfc", space=HOPPER.action_space, hidden=16):
    torch.manual_seed(3)
    config = PolicyConfig(core=CORES[cell](hidden_size=hidden, rank=4, sparsity=0.5))
    return build_policy(config, HOPPER.observation_space, space)


@pytest.mark.parametrize("cell", ["cfc", "lstm", "gru", "rnn"])
def test_a_stored_episode_replayed_in_a_window_gives_the_same_actions(cell):
    module = policy(cell).double().eval()
    for episode in rollout(
        {"p": TorchPolicy(module)}, "Hopper-v5", ["clean"], range(6), record=True, num_envs=2
    ):
        steps = episode.trajectory
        with torch.no_grad():
            out, _ = module.unroll(torch.from_numpy(steps.observations)[None])
        assert episode.length > 3
        np.testing.assert_allclose(out[0].numpy(), steps.labels, atol=1e-6)


@pytest.mark.parametrize("with_decide", [True, False])
def test_discrete_actions_are_the_likeliest(with_decide):
    space = gym.spaces.Discrete(4, start=2)
    module = policy(space=space).eval()
    observations = np.random.default_rng(0).normal(size=(50, 11))
    starts = np.ones(50, bool)
    logits, _ = module.step(torch.from_numpy(observations).float(), module.initial_state(50))
    if not with_decide:
        wrapped = torch.nn.Module()
        wrapped.inner, wrapped.step = module, module.step
        wrapped.initial_state = module.initial_state
        module = wrapped
    subject = TorchPolicy(module, space)
    actions, _ = subject.step(observations, subject.initial_state(50), starts)
    np.testing.assert_array_equal(actions, logits.argmax(-1).numpy() + 2)
    assert set(np.unique(actions)) <= {2, 3, 4, 5}


def test_the_module_is_left_as_it_was():
    module = policy().train()
    seen = []
    module.core.register_forward_hook(lambda m, *_: seen.append(m.training))
    subject = TorchPolicy(module)
    out, state = subject.step(np.zeros((2, 11)), subject.initial_state(2), np.ones(2, bool))
    assert (seen, module.training, out.dtype) == ([False], True, np.float32)
    assert not torch.as_tensor(out).requires_grad
    assert torch.is_inference(state)


def test_returns_repeat_exactly_for_the_same_number_of_environments():
    played = [
        [
            e.return_
            for e in rollout(
                {"p": TorchPolicy(policy())}, "Hopper-v5", ["clean", "mass@2"], range(5), threads=t
            )
        ]
        for t in (1, 2)
    ]
    assert played[0] == played[1]


@pytest.mark.parametrize(("shape", "expected"), [((4, 11), 1), ((4, 2, 8, 8), 2)])
def test_one_thread_for_vectors(shape, expected):
    class Probe(torch.nn.Module):
        def initial_state(self, num_envs):
            return None

        def step(self, observations, state, resets):
            self.threads = torch.get_num_threads()
            return torch.zeros(len(observations), 3), None

    module = Probe()
    with torch_threads(2):
        TorchPolicy(module, BOX).step(np.zeros(shape), None, np.ones(4, bool))
        assert torch.get_num_threads() == 2
    assert module.threads == expected
    assert torch.get_num_threads() == 1
